import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeInfo, fakeRequest } from '../telemetry/testing/fake-stream.ts';
import { metadataOf } from '../telemetry/peer-metadata.ts';
import type { AlsSettings } from '../telemetry/log-service/als.ts';
import { httpFlowEntry, tcpFlowEntry } from './flow-entry.ts';

const settings: AlsSettings = {
  kind: 'http',
  logName: 'tulle.flows',
  target: { kind: 'grpc', cluster: 'xds', authority: '', timeoutMs: 0, metadata: [] },
  flushIntervalMs: 0,
  bufferBytes: 0,
  filterState: [],
  tags: [{ name: 'reporter', text: () => 'destination' }],
  requestFields: [],
  responseFields: [],
  trailerFields: [],
};

test('what is secret stays in the proxy', () => {
  const request = fakeRequest(
    { path: '/pay?access_token=SECRET&page=2' },
    { authorization: 'Bearer SECRET', 'x-user': 'ann', referer: 'http://a/?key=SECRET', 'x-envoy-original-path': '/old?token=SECRET' },
  );
  const metadata = new Map<string, unknown>([
    ['envoy.filters.http.jwt_authn', { payload: { sub: 'SECRET' } }],
    ['envoy.filters.http.rbac', { shadow_engine_result: 'denied' }],
  ]);
  const entry = httpFlowEntry(fakeInfo({ request, metadata }), settings, ['authorization', 'x-user', 'x-absent']);
  assert.doesNotMatch(
    JSON.stringify(entry, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    /SECRET/,
  );
  assert.deepEqual(entry.request?.requestHeaders, { authorization: '[redacted]', 'x-user': 'ann' });
  assert.equal(entry.request?.path, '/pay?access_token=[redacted]&page=2');
  assert.deepEqual(entry.commonProperties?.metadata?.filterMetadata, { 'envoy.filters.http.rbac': { shadow_engine_result: 'denied' } });
});

test('the peer is named as it has named itself', () => {
  const metadata = new Map<string, unknown>([['istio.peer', metadataOf({ WORKLOAD_NAME: 'web', NAMESPACE: 'shop' })]]);
  const entry = httpFlowEntry(fakeInfo({ metadata }), settings, []);
  assert.deepEqual(entry.commonProperties?.customTags, { reporter: 'destination', peer: 'web;shop' });
});

test('the ends of a tunnel are told where a connection came through one', () => {
  const { connection } = fakeInfo({});
  const through = {
    ...connection,
    tls: undefined,
    principal: 'spiffe://a/ns/b/sa/c',
    filterState: new Map([['io.istio.local_principal', 'spiffe://a/ns/d/sa/e']]),
  };
  const tags = (info: Parameters<typeof fakeInfo>[0]) => tcpFlowEntry(fakeInfo(info), settings).commonProperties?.customTags;
  assert.deepEqual(tags({ connection: through }), {
    reporter: 'destination',
    'tunnel-peer': 'spiffe://a/ns/b/sa/c',
    'tunnel-local': 'spiffe://a/ns/d/sa/e',
  });
  assert.deepEqual(tags({ connection: { ...through, principal: '' } }), { reporter: 'destination' });
});
