import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import { APPLY_TO } from '../../model/envoy-filter.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { anyJson } from '../../xds/codec/testing/any-json.ts';
import { readPatchValue } from './patch-value.ts';

function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

test('whatever is written is read, or refused with its path', () => {
  const value = fc.oneof(anyJson(ListenerSchema), fc.jsonValue({ maxDepth: 6 }));
  fc.assert(
    fc.property(fc.constantFrom(...APPLY_TO), value, (applyTo, json) => {
      if (!isObject(json)) return;
      try {
        readPatchValue(applyTo, json);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
    { numRuns: 600, seed: 11 },
  );
});

const NAMES = [
  { name: 'names of the .proto files', json: { per_connection_buffer_limit_bytes: 7 } },
  { name: 'names of JSON', json: { perConnectionBufferLimitBytes: 7 } },
];
for (const { name, json } of NAMES) {
  test(name, () => {
    const { message, unknown } = readPatchValue('LISTENER', json);
    assert.equal(Reflect.get(message, 'perConnectionBufferLimitBytes'), 7);
    assert.deepEqual(unknown, []);
  });
}

test('types that are not ours are told, wherever they stand, and what a TypedStruct holds is not looked into', () => {
  const mine = { '@type': 'type.googleapis.com/acme.Mine', a: 1 };
  const struct = { '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct', type_url: 'x/acme.Other', value: { inner: mine } };
  const { unknown } = readPatchValue('FILTER_CHAIN', {
    filters: [
      { name: 'a', typed_config: mine },
      { name: 'b', typedConfig: struct },
    ],
    transport_socket: { name: 'c', typed_config: mine },
  });
  assert.deepEqual(unknown, [
    { path: 'filters[0].typed_config', typeName: 'acme.Mine' },
    { path: 'transport_socket.typed_config', typeName: 'acme.Mine' },
  ]);
});
