import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { columnCheck, misfit } from '../../../src/core/tables/column-check.ts';
import type { Row } from '../../../src/core/tables/projection.ts';
import { derivations } from '../../../src/projections/index.ts';

const wrong = (type: string, value: unknown) => misfit({ c: value } as Row, [columnCheck('c', type)]);

describe('a value and its column', () => {
  for (const [type, fitting, others] of [
    ['TEXT', ['', 'a', '☎', '\u{1f600}'], [1, true, {}, undefined, '\ud800']],
    ['INTEGER', [0, -1, Number.MAX_SAFE_INTEGER], [0.5, '5', 2 ** 53, Number.NaN, undefined, 1n, {}]],
    ['REAL', [0, -1.5, 1e300], ['1.5', Number.NaN, Number.POSITIVE_INFINITY, undefined]],
  ] as const) {
    it(`(${type}) match or do not match`, () => {
      for (const value of fitting) assert.equal(wrong(type, value), undefined, String(value));
      for (const value of others) assert.match(wrong(type, value) ?? '', /^the column c is /, String(value));
    });

    it(`(${type}) may be null unless it is declared NOT NULL`, () => {
      assert.equal(wrong(type, null), undefined);
      assert.match(wrong(`${type} NOT NULL UNIQUE`, null) ?? '', /NOT NULL UNIQUE, got null$/);
    });
  }

  it('are reported by column name: the first that does not match', () => {
    const checks = [columnCheck('a', 'TEXT'), columnCheck('b', 'INTEGER'), columnCheck('c', 'REAL')];
    assert.equal(misfit({ a: 'x', b: '5', c: 'y' }, checks), 'the column b is INTEGER, got text');
  });
});

describe('a column of another type', () => {
  it('is refused when the table is opened', () => {
    assert.throws(
      () => columnCheck('photo', 'BLOB'),
      /photo has the type "BLOB": it must be TEXT, INTEGER or REAL/,
    );
  });

  it('does not occur in our tables', () => {
    for (const { columns } of derivations.projections)
      for (const [name, type] of Object.entries(columns)) assert.ok(columnCheck(name, type), name);
  });
});
