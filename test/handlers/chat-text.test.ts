/** Text from outside in a chat tool: nothing in it is a mention or a disguised link, and the rest stays as it is. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { chatText } from '../../src/handlers/chat-text.ts';

const CASES: readonly (readonly [text: string, shown: string])[] = [
  [
    '<!channel> <https://evil.example|Your invoice> @everyone',
    '&lt;!channel&gt; &lt;https://evil.example|Your invoice&gt; @ everyone',
  ],
  [
    '<@U123> <!subteam^S1|x> <users/all> <at>all</at>',
    '&lt;@ U123&gt; &lt;!subteam^S1|x&gt; &lt;users/all&gt; &lt;at&gt;all&lt;/at&gt;',
  ],
  ['&lt;!here&gt;', '&amp;lt;!here&amp;gt;'],
  ['@here, @channel; @all @ann-lee @**all** @张三', '@ here, @ channel; @ all @ ann-lee @ **all** @ 张三'],
  ['＠everyone ﹫here', '＠ everyone ﹫ here'],
  ['@\u200beveryone @\u2060here @\0all \u202e@here', '@ everyone @ here @ all @ here'],
  [
    'x@everyone x@here.example bob@hereford.example bob@all.example',
    'x@ everyone x@ here.example bob@ hereford.example bob@ all.example',
  ],
  [
    '[invoice](https://evil.example) ![](https://evil.example/x.png)',
    '[invoice] (https://evil.example) ![] (https://evil.example/x.png)',
  ],
  ['[invoice][1]\n\n[1]: https://evil.example', '[invoice] [1]\n\n[1] : https://evil.example'],
  [
    '[invoice]\u200b(https://evil.example) [a]\u200d(https://b)',
    '[invoice] (https://evil.example) [a] \u200d(https://b)',
  ],
  ['<https://evil.example>', '&lt;https://evil.example&gt;'],
  ['https://bank.example@evil.example/', 'https://bank.example@ evil.example/'],
  ['https://evil.example/\u202e/moc.knab//:sptth', 'https://evil.example//moc.knab//:sptth'],
  ['\u2066a\u2069 \u200e\u200f\u061cb \u202ac\u202c \u00add \ufeffe', 'a b c d e'],
];

/** Text that stays as it is. */
const PLAIN = [
  'Call failed: +12025550100 → +1 (202) 555-0101, $0.0125',
  'Write to ann.lee+x@mail.example.co.uk or 用户@post.example, please',
  'allison@allstate.example',
  'https://recordings.example/a_b.wav?X-Amz-Date=1&X-Amz-Signature=ab%2F(1)#t=1,2 and http://localhost:3000',
  'two\nlines, [x] 👨‍👩‍👧 ❤️ می‌خواهم 東京 ** _ ~',
];

for (const [text, shown] of CASES)
  it(`${JSON.stringify(text)} is shown as plain text`, () => assert.equal(chatText(text), shown));

for (const text of PLAIN)
  it(`${JSON.stringify(text)} stays as it is`, () => assert.equal(chatText(text), text));

it('an @ in the path of an address is encoded, so that the address works and mentions nobody', () => {
  assert.equal(
    chatText('https://r.example/@everyone/1@2.wav?a&b'),
    'https://r.example/%40everyone/1%402.wav?a&b',
  );
});

it('takes linear time, whatever the text', () => {
  for (const part of [
    'a',
    '@',
    'a@',
    'a@a.',
    'a.',
    'http',
    'https://',
    'https://a/',
    '[',
    ']',
    '](',
    ']\u200d',
    '\u202e',
  ]) {
    const startedMs = performance.now();
    chatText(part.repeat(2 ** 18));
    assert.ok(performance.now() - startedMs < 4000, part);
  }
});
