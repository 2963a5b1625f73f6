import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { isCel } from '../../core/cel.ts';
import { ConfigError } from '../../core/errors.ts';
import { ExprSchema } from '../../xds/gen/google/api/expr/v1alpha1/syntax_pb.ts';
import { exprText } from './cel-text.ts';

const text = (tree: JsonObject): string => exprText(fromJson(ExprSchema, tree), 'c');
const constant = (kind: string, value: JsonObject[string]): JsonObject => ({ constExpr: { [kind]: value } });
const call = (name: string, ...args: JsonObject[]): JsonObject => ({ callExpr: { function: name, args } });
const A = { identExpr: { name: 'a' } };
const B = constant('int64Value', '-5');

const TEXTS: readonly (readonly [tree: JsonObject, want: string])[] = [
  [constant('nullValue', null), 'null'],
  [constant('boolValue', true), 'true'],
  [constant('uint64Value', '7'), '7u'],
  [constant('doubleValue', 2), '2.0'],
  [constant('doubleValue', 1e30), '1e+30'],
  [constant('stringValue', 'it\'s "so"\n'), '"it\'s \\"so\\"\\n"'],
  [constant('bytesValue', 'AP8='), 'b"\\x00\\xff"'],
  [call('_-_', A, B), '(a - -5)'],
  [call('-_', A), '(-a)'],
  [call('!_', A), '(!a)'],
  [call('_&&_', A, call('_||_', A, A)), '(a && (a || a))'],
  [call('_?_:_', A, B, A), '(a ? -5 : a)'],
  [call('_[_]', A, B), 'a[-5]'],
  [call('@in', A, { listExpr: { elements: [A, B] } }), '(a in [a, -5])'],
  [call('size', A), 'size(a)'],
  [{ callExpr: { function: 'matches', target: A, args: [B] } }, 'a.matches(-5)'],
  [{ selectExpr: { operand: A, field: 'b' } }, 'a.b'],
  [{ selectExpr: { operand: A, field: 'x-b' } }, 'a["x-b"]'],
  [{ selectExpr: { operand: A, field: 'b', testOnly: true } }, 'has(a.b)'],
  [{ selectExpr: { operand: A, field: 'x-b', testOnly: true } }, '("x-b" in a)'],
  [{ structExpr: { entries: [{ mapKey: B, value: A }] } }, '{-5: a}'],
];
for (const [tree, want] of TEXTS) {
  test(`a tree as text: ${want}`, () => {
    assert.equal(text(tree), want);
    assert.ok(isCel(want));
  });
}

const REFUSED: readonly (readonly [tree: JsonObject, want: RegExp])[] = [
  [{}, /^c: says nothing$/],
  [{ identExpr: { name: 'a || true' } }, /ident_expr\.name: "a \|\| true" is no name/],
  [call('a() || b', A), /call_expr\.function: .* is no name/],
  [{ structExpr: { messageName: 'x.Y' } }, /message_name: is not supported/],
  [{ comprehensionExpr: {} }, /comprehension_expr: is not supported/],
  [constant('durationValue', '1s'), /const_expr: durationValue is not supported/],
  [constant('doubleValue', 'NaN'), /is no number/],
  [call('_+_', A, {}), /^c\.call_expr\.args\[1\]: says nothing$/],
];
for (const [tree, want] of REFUSED) {
  test(`refused: ${JSON.stringify(tree)}`, () => {
    assert.throws(
      () => text(tree),
      (error) => error instanceof ConfigError && want.test(error.message),
    );
  });
}
