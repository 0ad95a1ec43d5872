import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { columnType, misfit } from '../../../src/core/tables/column-check.ts';
import type { ProjectionColumn, Row } from '../../../src/core/tables/projection.ts';
import { derivations } from '../../../src/projections/index.ts';

const column = (name: string, kind: ProjectionColumn['kind'], isNullable = true): ProjectionColumn => ({
  name,
  kind,
  isNullable,
});
const wrong = (of: ProjectionColumn, value: unknown, key = '') =>
  misfit({ [of.name]: value } as Row, { columns: [of], key });

describe('a value and its column', () => {
  for (const [type, fitting, others] of [
    ['TEXT', ['', 'a', '☎', '\u{1f600}'], [1, true, {}, undefined, '\ud800']],
    ['INTEGER', [0, -1, Number.MAX_SAFE_INTEGER], [0.5, '5', 2 ** 53, Number.NaN, undefined, 1n, {}]],
    ['REAL', [0, -1.5, 1e300], ['1.5', Number.NaN, Number.POSITIVE_INFINITY, undefined]],
  ] as const) {
    it(`(${type}) match or do not match`, () => {
      const c = column('c', type);
      for (const value of fitting) assert.equal(wrong(c, value), undefined, String(value));
      for (const value of others) assert.match(wrong(c, value) ?? '', /^the column c is /, String(value));
    });

    it(`(${type}) may be null unless it is declared NOT NULL`, () => {
      assert.equal(wrong(column('c', type), null), undefined);
      const c = column('c', type, false);
      assert.equal(wrong(c, null), `the column c is ${type} NOT NULL, got null`);
      assert.equal(wrong(c, null, 'c'), `the column c is ${type} NOT NULL UNIQUE, got null`);
    });
  }

  it('are reported by column name: the first that does not match', () => {
    const columns = [column('a', 'TEXT'), column('b', 'INTEGER'), column('c', 'REAL')];
    assert.equal(
      misfit({ a: 'x', b: '5', c: 'y' }, { columns, key: 'a' }),
      'the column b is INTEGER, got text',
    );
  });
});

describe('a column of another type', () => {
  it('cannot be declared', () => {
    // @ts-expect-error: it must be TEXT, INTEGER or REAL
    assert.equal(column('photo', 'BLOB').kind, 'BLOB');
  });

  it('does not occur in our tables', () => {
    for (const { columns, key } of derivations.projections)
      for (const each of columns)
        assert.match(
          columnType(each, each.name === key),
          /^(TEXT|INTEGER|REAL)( NOT NULL)?( UNIQUE)?$/,
          each.name,
        );
  });
});
