import assert from 'node:assert/strict';
import { it } from 'node:test';
import { indentedJson } from '../../../src/core/event/indented-json.ts';

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

it('JSON is indented, whatever its strings hold', () => {
  assert.equal(indentedJson('{"a":"[[\\"{","b":[1]}'), '{\n  "a": "[[\\"{",\n  "b": [\n    1\n  ]\n}');
  assert.equal(indentedJson(`{"a":${JSON.stringify('['.repeat(100))}}`)?.split('\n').length, 3);
});

it('text that is not JSON, or is nested too deeply, is not indented', () => {
  assert.equal(indentedJson('{"a":'), undefined);
  assert.equal(indentedJson(''), undefined);
  assert.notEqual(indentedJson(nested(64)), undefined);
  assert.equal(indentedJson(nested(65)), undefined);
  assert.equal(indentedJson(nested(500_000)), undefined);
});
