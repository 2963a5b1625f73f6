import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeInfo, fakeRequest } from '../../telemetry/testing/fake-stream.ts';
import type { PickContext } from '../cluster.ts';
import { readWanted, wantedAddress } from './wanted-address.ts';

const FIELDS = { useHttpHeader: false, httpHeaderName: '' };
const HEADER = { ...FIELDS, useHttpHeader: true };
const METADATA = { ...FIELDS, metadataKey: { key: 'my', path: [{ segment: { case: 'key', value: 'to' } }] } };
const ORIGINAL = { host: '10.0.0.1', port: 80 };

interface Says {
  readonly header?: string;
  readonly metadata?: unknown;
  readonly state?: string;
}

const rows: readonly [name: string, fields: Parameters<typeof readWanted>[0], says: Says, want: string | undefined, invalid?: number][] = [
  ['nothing but the connection', FIELDS, { header: '10.0.0.9:9' }, '10.0.0.1:80'],
  ['a header', HEADER, { header: '10.0.0.9:9' }, '10.0.0.9:9'],
  ['a header that is no address', HEADER, { header: 'host.example:9' }, '10.0.0.1:80', 1],
  ['an address of IPv6', HEADER, { header: '[::1]:9' }, '::1:9'],
  ['metadata', METADATA, { metadata: { to: '10.0.0.8:8' } }, '10.0.0.8:8'],
  ['metadata that is not there', METADATA, { metadata: { from: 'x' } }, '10.0.0.1:80'],
  [
    'metadata before a header',
    { ...METADATA, useHttpHeader: true },
    { metadata: { to: '10.0.0.8:8' }, header: '10.0.0.9:9' },
    '10.0.0.8:8',
  ],
  ['filter state before all', { ...METADATA, useHttpHeader: true }, { state: '10.0.0.7:7', metadata: { to: '10.0.0.8:8' } }, '10.0.0.7:7'],
  ['another port', { ...HEADER, upstreamPortOverride: 443 }, { header: '10.0.0.9:9' }, '10.0.0.9:443'],
];

for (const [name, fields, says, want, invalid = 0] of rows) {
  test(`an original destination by ${name}`, () => {
    const request = fakeRequest({}, says.header === undefined ? {} : { 'x-envoy-original-dst-host': says.header });
    const info = fakeInfo({ request });
    if (says.metadata !== undefined) info.metadata.set('my', says.metadata);
    if (says.state !== undefined) info.filterState = new Map([['envoy.network.transport_socket.original_dst_address', says.state]]);
    const context: PickContext = { hash: undefined, avoid: [], avoidAttempts: 1, originalDestination: ORIGINAL, info };
    const counter = { value: 0 };
    const address = wantedAddress(readWanted(fields, 'c'), context, counter);
    assert.equal(address && `${address.host}:${address.port}`, want);
    assert.equal(counter.value, invalid);
  });
}

test('what cannot be obeyed is refused by name', () => {
  assert.throws(() => readWanted({ ...FIELDS, upstreamPortOverride: 65_536 }, 'c'), /^ConfigError: c\.upstream_port_override/);
  const path = [{ segment: { case: 'index', value: 1 } }];
  assert.throws(() => readWanted({ ...FIELDS, metadataKey: { key: 'my', path } }, 'c'), /^ConfigError: c\.metadata_key\.path/);
});
