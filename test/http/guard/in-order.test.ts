import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InOrder } from '../../../src/http/guard/in-order.ts';

function given(...members: string[]) {
  const list = new InOrder<string>();
  const leave = Object.fromEntries(members.map((member) => [member, list.add(member)]));
  return { list, leave };
}

describe('members in order', () => {
  it('are those that were added, in order of arrival', () => {
    const { list } = given('a', 'b', 'c');
    assert.deepEqual([...list], ['a', 'b', 'c']);
    assert.deepEqual([list.size, list.first], [3, 'a']);
    const { list: empty } = given();
    assert.deepEqual([[...empty], empty.size, empty.first], [[], 0, undefined]);
  });

  for (const [gone, left] of [
    ['a', ['b', 'c']],
    ['b', ['a', 'c']],
    ['c', ['a', 'b']],
  ] as const) {
    it(`can be removed at any position (${gone})`, () => {
      const { list, leave } = given('a', 'b', 'c');
      leave[gone]?.();
      assert.deepEqual([[...list], list.size, list.first], [left, 2, left[0]]);
      list.add('d');
      assert.deepEqual([...list], [...left, 'd']);
    });
  }

  it('are removed only once', () => {
    const { list, leave } = given('a', 'b');
    leave['a']?.();
    leave['a']?.();
    leave['b']?.();
    assert.deepEqual([[...list], list.size], [[], 0]);
    list.add('c');
    leave['b']?.();
    assert.deepEqual([[...list], list.size], [['c'], 1]);
  });

  it('can be removed during iteration', () => {
    const { list, leave } = given('a', 'b', 'c');
    const seen: string[] = [];
    for (const member of list) {
      seen.push(member);
      leave[member]?.();
    }
    assert.deepEqual([seen, list.size], [['a', 'b', 'c'], 0]);
  });
});
