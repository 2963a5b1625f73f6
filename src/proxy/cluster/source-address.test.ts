import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type Cluster, ClusterSchema } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { readSourceAddresses, sourceTo } from './source-address.ts';

const SELECTIONS = [
  { name: 'none leaves it to the kernel', addresses: [], host: '10.0.0.1', want: undefined },
  { name: 'the only one, whatever its family', addresses: ['127.0.0.6'], host: 'fd00::1', want: '127.0.0.6' },
  { name: 'the one of IPv4', addresses: ['::6', '127.0.0.6'], host: '10.0.0.1', want: '127.0.0.6' },
  { name: 'the one of IPv6', addresses: ['127.0.0.6', '::6', '::7'], host: 'fd00::1', want: '::6' },
];

for (const { name, addresses, host, want } of SELECTIONS) test(`sourceTo() ${name}`, () => assert.equal(sourceTo(addresses, host), want));

function bound(address: string, extra: string, portValue: number): Cluster {
  const at = (host: string, port: number) => ({ address: host, portSpecifier: { case: 'portValue' as const, value: port } });
  const extraSourceAddresses = [{ address: at(extra, portValue) }];
  return create(ClusterSchema, { upstreamBindConfig: { sourceAddress: at(address, 0), extraSourceAddresses } });
}

test('readSourceAddresses() reads both fields, and refuses ports by name', () => {
  assert.deepEqual(readSourceAddresses(create(ClusterSchema), 'clusters[0]'), []);
  assert.deepEqual(readSourceAddresses(bound('127.0.0.6', '::6', 0), 'clusters[0]'), ['127.0.0.6', '::6']);
  assert.throws(
    () => readSourceAddresses(bound('127.0.0.6', '::6', 7), 'clusters[0]'),
    /clusters\[0\]\.upstream_bind_config\.extra_source_addresses\[0\]\.address\.port_value: 7: only 0/,
  );
});
