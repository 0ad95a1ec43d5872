import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { external, html } from '../../src/pages/html.ts';

describe('a template', () => {
  it('treats every value as text, in elements and in attributes', () => {
    const text = `<script>alert("1")</script>' &amp;`;
    assert.equal(
      html`<p title="${text}">${text}</p>`.markup,
      '<p title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; &amp;amp;">&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; &amp;amp;</p>',
    );
  });

  it('keeps markup from other templates, also in lists, and omits empty values', () => {
    const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`);
    assert.equal(
      html`<ul>${items}</ul>${null}${undefined}${false}${0}`.markup,
      '<ul><li>a</li><li>&lt;b&gt;</li></ul>0',
    );
  });

  it('shows control characters and lone surrogates instead of sending them', () => {
    assert.equal(html`${'a\0b\x1bc\x7fd\ud800e\nf'}`.markup, 'a␀b␛c\ufffdd\ufffde\nf');
  });
});

describe('text from outside', () => {
  it('has an isolated text direction', () => {
    assert.equal(external('\u202eabc').markup, '<bdi>\u202eabc</bdi>');
  });

  it('is truncated if it is too long for a line', () => {
    assert.equal(external('abcd', 4).markup, '<bdi>abcd</bdi>');
    assert.equal(external('abcde', 4).markup, '<bdi title="5 characters">abcd…</bdi>');
    assert.equal(external('<<<<<', 2).markup, '<bdi title="5 characters">&lt;&lt;…</bdi>');
  });
});
