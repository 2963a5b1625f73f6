import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ConfigError } from '../core/errors.ts';
import { ClusterSchema } from './gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from './gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from './gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from './gen/envoy/config/route/v3/route_pb.ts';
import { SecretSchema } from './gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { resourceName } from './resource-name.ts';

const TYPES: readonly (readonly [DescMessage, string])[] = [
  [ClusterSchema, 'name'],
  [ClusterLoadAssignmentSchema, 'clusterName'],
  [ListenerSchema, 'name'],
  [RouteConfigurationSchema, 'name'],
  [SecretSchema, 'name'],
];

for (const [schema, field] of TYPES) {
  test(`the name of a ${schema.name} is read from its bytes`, () => {
    const bytes = toBinary(schema, create(schema, { [field]: 'outbound|80||a.b' }));
    assert.equal(resourceName(bytes), 'outbound|80||a.b');
    assert.equal(resourceName(toBinary(schema, create(schema))), '');
  });
}

test('no bytes make it fail otherwise than by ConfigError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        return typeof resourceName(bytes) === 'string';
      } catch (error) {
        return error instanceof ConfigError;
      }
    }),
  );
});
