import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { RuntimeSchema } from '../../xds/gen/envoy/service/runtime/v3/rtds_pb.ts';
import { RUNTIME_TYPE } from '../../xds/types.ts';
import { RuntimeStore } from './runtime-store.ts';

const rtds = (name: string): JsonObject => ({ name, rtds_layer: { name, rtds_config: { ads: {} } } });
const storeOf = (...layers: JsonObject[]): RuntimeStore => new RuntimeStore(fromJson(BootstrapSchema, { layered_runtime: { layers } }));
const arrived = (name: string, layer: JsonObject) => ({
  name,
  typeUrl: RUNTIME_TYPE,
  version: '1',
  any: toBinary(RuntimeSchema, create(RuntimeSchema, { name, layer })),
});

test('the last layer has the word, and those that watch hear of it', () => {
  const store = storeOf({ name: 's', static_layer: { a: { b: 1 }, c: 'x' } }, rtds('one'), rtds('two'));
  const { values } = store;
  let calls = 0;
  store.watch(() => calls++);
  store.receive([arrived('two', { c: 'two' }), arrived('one', { c: 'one', d: true }), arrived('other', { e: 1 })], []);
  assert.deepEqual(values, { 'a.b': 1, c: 'two', d: true });
  store.receive([arrived('one', {})], ['two']);
  assert.deepEqual(values, { 'a.b': 1, c: 'x' });
  assert.equal(calls, 3);
  assert.equal(store.values, values);
});

test('layers of ADS are asked for', () => {
  const asked: unknown[] = [];
  const subscriptions = { subscribe: (...all: unknown[]) => asked.push(all), unsubscribe: () => undefined };
  storeOf({ name: 's', static_layer: {} }).subscribe(subscriptions);
  storeOf(rtds('one'), rtds('two')).subscribe(subscriptions);
  assert.deepEqual(asked, [[RUNTIME_TYPE, ['one', 'two']]]);
});

test('another source than ADS is refused by name', () => {
  const layer = { name: 'x', rtds_layer: { name: 'x', rtds_config: { path_config_source: { path: '/x' } } } };
  assert.throws(() => storeOf(layer), /layered_runtime\.layers\[0\]\.rtds_layer\.rtds_config: only ads is supported/);
  assert.throws(() => storeOf({ name: 'x', rtds_layer: { rtds_config: { ads: {} } } }), /rtds_layer\.name: is empty/);
});
