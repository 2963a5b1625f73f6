import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clone, type DescMessage, type JsonValue, toJson } from '@bufbuild/protobuf';
import { decodeJson } from '../../../xds/codec/from-json.ts';
import { ClusterSchema } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { RouteSchema } from '../../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { typeRegistry } from '../../../xds/type-registry.ts';
import { type Lists, mergeInto } from './merge.ts';

const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const FAULT = 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault';

const CASES: readonly {
  readonly name: string;
  readonly schema?: DescMessage;
  readonly target: JsonValue;
  readonly source: JsonValue;
  readonly lists?: Lists;
  readonly want: JsonValue;
}[] = [
  {
    name: 'scalars are replaced',
    target: { name: 'a', alt_stat_name: 'b' },
    source: { name: 'c' },
    want: { name: 'c', alt_stat_name: 'b' },
  },
  { name: 'the zero of a scalar says nothing', target: { name: 'a' }, source: { name: '' }, want: { name: 'a' } },
  {
    name: 'durations are replaced',
    target: { connect_timeout: '1.5s' },
    source: { connect_timeout: '2s' },
    want: { connect_timeout: '2s' },
  },
  {
    name: 'wrappers are replaced, but not by 0',
    target: { per_connection_buffer_limit_bytes: 5, max_requests_per_connection: 6 },
    source: { per_connection_buffer_limit_bytes: 0, max_requests_per_connection: 7 },
    want: { per_connection_buffer_limit_bytes: 5, max_requests_per_connection: 7 },
  },
  {
    name: 'a wrapper of 0 where there is none',
    target: {},
    source: { per_connection_buffer_limit_bytes: 0 },
    want: { per_connection_buffer_limit_bytes: 0 },
  },
  {
    name: 'lists are joined',
    target: { circuit_breakers: { thresholds: [{ max_retries: 1 }] } },
    source: { circuit_breakers: { thresholds: [{ max_requests: 2 }] } },
    want: { circuit_breakers: { thresholds: [{ max_retries: 1 }, { max_requests: 2 }] } },
  },
  {
    name: 'lists are replaced where that is asked for, however deep',
    target: { name: 'a', circuit_breakers: { thresholds: [{ max_retries: 1 }] } },
    source: { circuit_breakers: { thresholds: [{ max_requests: 2 }] } },
    lists: 'replace',
    want: { name: 'a', circuit_breakers: { thresholds: [{ max_requests: 2 }] } },
  },
  {
    name: 'entries of maps and Structs are replaced',
    target: { metadata: { filter_metadata: { a: { b: 1, c: 2 }, d: { e: 3 } } } },
    source: { metadata: { filter_metadata: { a: { b: 4 }, f: {} } } },
    want: { metadata: { filter_metadata: { a: { b: 4 }, d: { e: 3 }, f: {} } } },
  },
  {
    name: 'one of several takes the place of another',
    target: { type: 'EDS' },
    source: { cluster_type: { name: 'x' } },
    want: { cluster_type: { name: 'x' } },
  },
  {
    name: 'one of several is merged into itself',
    schema: RouteSchema,
    target: { route: { cluster: 'a', timeout: '1s' } },
    source: { route: { timeout: '2s' } },
    want: { route: { cluster: 'a', timeout: '2s' } },
  },
  {
    name: 'extensions in maps are replaced',
    schema: RouteSchema,
    target: { typed_per_filter_config: { a: { '@type': ROUTER, suppress_envoy_headers: true }, b: { '@type': ROUTER } } },
    source: { typed_per_filter_config: { a: { '@type': FAULT } } },
    want: { typed_per_filter_config: { a: { '@type': FAULT }, b: { '@type': ROUTER } } },
  },
];

function json(schema: DescMessage, message: Parameters<typeof clone>[1]): JsonValue {
  return toJson(schema, message, { registry: typeRegistry, useProtoFieldName: true });
}

for (const { name, schema = ClusterSchema, target, source, lists = 'append', want } of CASES) {
  test(name, () => {
    const merged = clone(schema, decodeJson(schema, target, typeRegistry));
    const added = decodeJson(schema, source, typeRegistry);
    const before = json(schema, added);
    mergeInto(schema, merged, added, lists);
    assert.deepEqual(json(schema, merged), want);
    assert.deepEqual(json(schema, added), before);
    // nothing of what was merged is shared
    mergeInto(schema, merged, decodeJson(schema, { metadata: { filter_metadata: { z: {} } } }, typeRegistry), 'append');
    assert.deepEqual(json(schema, added), before);
  });
}
