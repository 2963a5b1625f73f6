import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRegistry, type DescMessage, fromBinary, fromJson, type JsonValue, type Message, toBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts';
import { PipeSchema } from '../gen/envoy/config/core/v3/address_pb.ts';
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts';
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { messageIn } from './any.ts';
import { decodeJson } from './from-json.ts';
import { anyJson } from './testing/any-json.ts';

const registry = createRegistry(PipeSchema, HttpConnectionManagerSchema, StructSchema);

function attempt(read: () => Message): Message | Error {
  try {
    return read();
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
}

const schemas: readonly DescMessage[] = [ListenerSchema, ClusterSchema, RouteConfigurationSchema, HttpConnectionManagerSchema];
for (const schema of schemas) {
  test(`${schema.name} is read from JSON as protobuf-es reads it`, () => {
    let right = 0;
    const check = (json: JsonValue): void => {
      const want = attempt(() => fromJson(schema, json, { registry }));
      const got = attempt(() => decodeJson(schema, json, registry));
      if (want instanceof Error) assert.ok(got instanceof ConfigError, want.message);
      else {
        if (got instanceof Error) throw got;
        assert.deepEqual(toJson(schema, got, { registry }), toJson(schema, want, { registry }));
        assert.deepEqual(toBinary(schema, got), toBinary(schema, want));
        right++;
      }
    };
    fc.assert(fc.property(anyJson(schema), check), { numRuns: 400, seed: 7 });
    assert.ok(right > 100, `only ${right} were right`);
  });
}

test('properties are those of a message that protobuf-es makes', () => {
  const json = {
    name: 'c',
    connect_timeout: '1s',
    health_checks: [{}],
    load_assignment: { endpoints: [{}] },
    metadata: { filter_metadata: { a: {} } },
  };
  assert.deepEqual(decodeJson(ClusterSchema, json, registry), fromJson(ClusterSchema, json));
});

test('a message in an Any is there as it was read, and as bytes', () => {
  const json = {
    filters: [{ name: 'f', typed_config: { '@type': 'type.googleapis.com/envoy.config.core.v3.Pipe', path: '/p', mode: 7 } }],
  };
  const listener = decodeJson(ListenerSchema, { filter_chains: [json] }, registry);
  const config = listener.filterChains[0]?.filters[0]?.configType;
  assert.ok(config?.case === 'typedConfig');
  assert.equal(messageIn(config.value, PipeSchema)?.path, '/p');
  assert.equal(messageIn(config.value, HttpConnectionManagerSchema), undefined);
  assert.deepEqual(fromBinary(PipeSchema, config.value.value), messageIn(config.value, PipeSchema));
});

test('what is wrong is told with its path', () => {
  const cases: [JsonValue, RegExp][] = [
    [
      { static_resources: { listeners: [{}, { adress: {} }] } },
      /^static_resources\.listeners\[1\]\.adress: no such field in envoy\.config\.listener\.v3\.Listener$/,
    ],
    [{ node: { metadata: 5 } }, /^node\.metadata: /],
    [{ node: 'x' }, /^node: is "x"; a envoy\.config\.core\.v3\.Node is needed$/],
    [
      { node: { id: 'a', metadata: {} }, static_resources: { clusters: [{ type: 'SOME' }] } },
      /^static_resources\.clusters\[0\]\.type: .*SOME/,
    ],
    [{ admin: { address: { pipe: {}, socket_address: {} } } }, /^admin\.address\.socket_address: another of address is set too$/],
    [{ static_resources: {}, staticResources: {} }, /^staticResources: is set twice$/],
    [
      { static_resources: { clusters: [{ transport_socket: { typed_config: { '@type': 'x/y.Z' } } }] } },
      /typed_config: x\/y\.Z is not supported by Tulle$/,
    ],
    [{ static_resources: { clusters: [{ transport_socket: { typed_config: {} } }] } }, /typed_config: "@type" is missing$/],
    [{ static_resources: { clusters: [{ connect_timeout: 'soon' }] } }, /^static_resources\.clusters\[0\]\.connect_timeout: .*"soon"/],
  ];
  for (const [json, message] of cases) assert.throws(() => decodeJson(BootstrapSchema, json, registry), { name: 'ConfigError', message });
});
