import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type JsonValue } from '@bufbuild/protobuf';
import {
  RuntimeDoubleSchema,
  RuntimeFeatureFlagSchema,
  RuntimeFractionalPercentSchema,
  RuntimeUInt32Schema,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { liveCount, liveDouble, liveFlag, liveShare, setRuntimeValues } from './live-values.ts';

const KEY = 'a.b';
const share = liveShare(create(RuntimeFractionalPercentSchema, { runtimeKey: KEY, defaultValue: { numerator: 25 } }), 1);
const flag = liveFlag(create(RuntimeFeatureFlagSchema, { runtimeKey: KEY, defaultValue: true }), false);
const count = liveCount(create(RuntimeUInt32Schema, { runtimeKey: KEY, defaultValue: 7 }), 0);
const double = liveDouble(create(RuntimeDoubleSchema, { runtimeKey: KEY, defaultValue: 1.5 }), 0);

const CASES: readonly (readonly [values: Record<string, JsonValue>, share: number, flag: boolean, count: number, double: number])[] = [
  [{}, 0.25, true, 7, 1.5],
  [{ [KEY]: 50 }, 0.5, true, 50, 50],
  [{ [KEY]: 0.5 }, 0, true, 0, 0.5],
  [{ [KEY]: '40' }, 0.4, true, 40, 40],
  [{ [KEY]: 250 }, 1, true, 250, 250],
  [{ [KEY]: -3 }, 0.25, true, 7, -3],
  [{ [KEY]: '' }, 0.25, true, 7, 1.5],
  [{ [KEY]: 'x' }, 0.25, true, 7, 1.5],
  [{ [KEY]: null }, 0.25, true, 7, 1.5],
  [{ [KEY]: false }, 0.25, false, 7, 1.5],
  [{ [KEY]: 'false' }, 0.25, false, 7, 1.5],
  [{ 'a.b.numerator': 5, 'a.b.denominator': 'TEN_THOUSAND' }, 0.0005, true, 7, 1.5],
  [{ 'a.b.numerator': 5 }, 0.05, true, 7, 1.5],
  [{ 'a.b.numerator': 5, 'a.b.denominator': 'TEN' }, 0.05, true, 7, 1.5],
  [{ 'a.b.numerator': 5, 'a.b.denominator': 2 }, 0.000005, true, 7, 1.5],
];

for (const [values, ...want] of CASES) {
  test(`what is made of ${JSON.stringify(values)}`, (t) => {
    t.after(() => setRuntimeValues({}));
    setRuntimeValues(values);
    assert.deepEqual([share.value, flag.value, count.value, double.value], want);
  });
}

test('what changes is seen by what was parsed before; without a key nothing changes', (t) => {
  t.after(() => setRuntimeValues({}));
  const values: Record<string, JsonValue> = { [KEY]: 1, '': 1 };
  setRuntimeValues(values);
  const fixed = liveShare(create(RuntimeFractionalPercentSchema, { defaultValue: { numerator: 30 } }), 1);
  assert.deepEqual([share.value, fixed.value, liveShare(undefined, 0.75).value], [0.01, 0.3, 0.75]);
  values[KEY] = 2;
  setRuntimeValues(values);
  assert.deepEqual([share.value, fixed.value], [0.02, 0.3]);
});
