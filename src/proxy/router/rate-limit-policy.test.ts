import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson, type JsonObject } from '@bufbuild/protobuf';
import { RateLimitSchema } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeStream } from '../telemetry/testing/fake-stream.ts';
import { compileRateLimits, descriptorEntries, descriptorKey } from './rate-limit-policy.ts';

function describe(actions: readonly JsonObject[], path: string, headers: Record<string, string>, client: string): string | undefined {
  const [policy] = compileRateLimits([fromJson(RateLimitSchema, { actions: [...actions] })], 'l');
  const request = fakeRequest({ path }, headers);
  const connection = fakeConnection({ remote: { host: client, port: 1 } });
  const info = fakeInfo({ request, connection, clusterName: 'c', metadata: new Map([['x', { y: { z: 'm' } }]]) });
  const text = policy?.describe(fakeStream({ info }), 'local');
  return text === undefined
    ? undefined
    : descriptorEntries(text)
        .map((entry) => entry.join('='))
        .join(' ');
}

const header = (name: string, more: JsonObject = {}): JsonObject => ({ requestHeaders: { headerName: name, descriptorKey: 'h', ...more } });
const metadata = (key: string, more: JsonObject = {}): JsonObject => ({
  metadata: { descriptorKey: 'm', metadataKey: { key: 'x', path: [{ key: 'y' }, { key }] }, ...more },
});
const generic = { genericKey: { descriptorValue: 'g' } };
const matching = (value: JsonObject): JsonObject => ({
  headerValueMatch: { descriptorValue: 'yes', headers: [{ name: 'x-a' }], ...value },
});
const byQuery = (value: JsonObject): JsonObject => ({
  queryParameterValueMatch: { descriptorValue: 'yes', queryParameters: [{ name: 'q', presentMatch: true }], ...value },
});
const byAddress = (prefix: string, more: JsonObject = {}): JsonObject => ({
  remoteAddressMatch: { descriptorValue: 'in', addressMatcher: { ranges: [{ addressPrefix: prefix, prefixLen: 8 }], ...more } },
});

/** Requests are `GET /p?q=a%20b` with `x-a: 1` from 10.1.2.3, to cluster `c`. */
const CASES: readonly [actions: readonly JsonObject[], want: string | undefined][] = [
  [[generic], 'generic_key=g'],
  [[{ genericKey: { descriptorValue: '%REQ(x-a)%', descriptorKey: 'k' } }], 'k=%REQ(x-a)%'],
  [[{ sourceCluster: {} }, { destinationCluster: {} }], 'source_cluster=local destination_cluster=c'],
  [[{ remoteAddress: {} }], 'remote_address=10.1.2.3'],
  [[{ maskedRemoteAddress: {} }], 'masked_remote_address=10.1.2.3/32'],
  [[{ maskedRemoteAddress: { v4PrefixMaskLen: 15 } }], 'masked_remote_address=10.0.0.0/15'],
  [[{ maskedRemoteAddress: { v4PrefixMaskLen: 0 } }], 'masked_remote_address=0.0.0.0/0'],
  [[header('X-A')], 'h=1'],
  [[header(':path')], 'h=/p?q=a%20b'],
  [[header('x-b')], undefined],
  [[header('x-b'), generic], undefined],
  [[header('x-b', { skipIfAbsent: true }), generic], 'generic_key=g'],
  [[{ queryParameters: { queryParameterName: 'q', descriptorKey: 'q' } }], 'q=a b'],
  [[{ queryParameters: { queryParameterName: 'r', descriptorKey: 'r' } }], undefined],
  [[matching({})], 'header_match=yes'],
  [[matching({ expectMatch: false })], undefined],
  [[matching({ descriptorKey: 'k', headers: [{ name: 'x-b' }] })], undefined],
  [[matching({ descriptorKey: 'k', headers: [{ name: 'x-b' }], expectMatch: false })], 'k=yes'],
  [[byQuery({})], 'query_match=yes'],
  [[byQuery({ expectMatch: false })], undefined],
  [[metadata('z')], 'm=m'],
  [[metadata('none')], undefined],
  [[metadata('none', { defaultValue: 'd' })], 'm=d'],
  [[metadata('none', { skipIfAbsent: true }), generic], 'generic_key=g'],
  [[metadata('z', { source: 'ROUTE_ENTRY', defaultValue: 'd' })], 'm=d'],
  [[byAddress('10.0.0.0')], 'remote_address_match=in'],
  [[byAddress('11.0.0.0')], undefined],
  [[byAddress('11.0.0.0', { invertMatch: true })], 'remote_address_match=in'],
];

for (const [actions, want] of CASES) {
  test(`${JSON.stringify(actions)} is ${want ?? 'no descriptor'}`, () => {
    assert.equal(describe(actions, '/p?q=a%20b', { 'x-a': '1' }, '10.1.2.3'), want);
  });
}

test('clients by IPv6, and by no address at all', () => {
  const masked = [{ maskedRemoteAddress: { v6PrefixMaskLen: 36 } }];
  assert.equal(describe(masked, '/', {}, '2001:db8:ffff::1'), 'masked_remote_address=2001:db8:f000::/36');
  assert.equal(describe(masked, '/', {}, '/tmp/socket'), undefined);
  assert.equal(describe([{ remoteAddress: {} }], '/', {}, '/tmp/socket'), undefined);
});

test('the text of a descriptor gives its entries back', () => {
  const entries = [
    ['a', 'b=c'],
    ['d', ''],
  ] as const;
  assert.deepEqual(descriptorEntries(descriptorKey(entries)), entries);
  assert.deepEqual(descriptorEntries(descriptorKey([])), []);
});

for (const [policy, message] of [
  [{}, /l\[0\]\.actions: is empty/],
  [{ actions: [{}] }, /l\[0\]\.actions\[0\]: action \(empty\) is not supported/],
  [{ actions: [generic], stage: 11 }, /l\[0\]\.stage: 11 is more than 10/],
  [{ actions: [{ genericKey: {} }] }, /generic_key\.descriptor_value: is empty/],
  [{ actions: [{ maskedRemoteAddress: { v4PrefixMaskLen: 33 } }] }, /v4_prefix_mask_len: 33 is more than 32/],
  [{ actions: [matching({ headers: [] })] }, /header_value_match\.headers: is empty/],
  [{ actions: [metadata('z', { source: 2 })] }, /metadata\.source: only DYNAMIC and ROUTE_ENTRY/],
  [{ actions: [{ extension: { name: 'x' } }] }, /action extension is not supported by Tulle/],
] as const satisfies readonly (readonly [JsonObject, RegExp])[]) {
  test(`refused: ${JSON.stringify(policy)}`, () => {
    assert.throws(() => compileRateLimits([fromJson(RateLimitSchema, policy)], 'l'), message);
  });
}
