/** Retries: what is tried again, how often, and what the client gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { retry } from './framework/pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';
import { FOREVER } from './framework/wishes.ts';

const encode = encodeURIComponent;

/** A route that counts by itself, under its name. */
function counted(route: JsonObject): JsonObject {
  const { name = '' } = route;
  return { ...route, stat_prefix: name };
}

const RETRIES: JsonObject[] = [
  retry('/retry/5xx', '5xx', { num_retries: 2 }),
  retry('/retry/gateway', 'gateway-error', { num_retries: 1 }),
  retry('/retry/reset', 'reset', { num_retries: 2 }),
  retry('/retry/dead', 'connect-failure', { num_retries: 2 }, { cluster: 'dead' }),
  retry('/retry/codes', 'retriable-status-codes', { num_retries: 3, retriable_status_codes: [418, 404] }),
  retry('/retry/4xx', 'retriable-4xx', { num_retries: 1 }),
  retry('/retry/headers', 'retriable-headers', {
    num_retries: 1,
    retriable_headers: [{ name: 'x-try-again', string_match: { exact: 'yes' } }],
    retriable_request_headers: [{ name: 'x-may-retry', present_match: true }],
  }),
  retry('/retry/try-timeout', '5xx', { num_retries: 1, per_try_timeout: '0.8s' }, { timeout: '20s' }),
  retry('/retry/none', '', {}),
].map(counted);

const CASES: Case[] = [
  ask('retry 5xx', '/retry/5xx', { wish: 'status=503;times=2' }),
  ask('retry 5xx in vain', '/retry/5xx', { wish: 'status=503;body=no' }),
  ask('retry 5xx of a body', '/retry/5xx', { method: 'POST', body: 'again', wish: 'status=500;times=1' }),
  ask('retry counted', '/retry/5xx', { host: 'counting.test', wish: 'status=503;times=1' }),
  ask('retry gateway error', '/retry/gateway', { wish: 'status=502;times=1' }),
  ask('retry gateway error not 500', '/retry/gateway', { wish: 'status=500;times=1' }),
  ask('retry reset', '/retry/reset', { wish: 'reset;times=1' }),
  ask('retry reset in vain', '/retry/reset', { wish: 'reset' }),
  ask('retry dead', '/retry/dead'),
  ask('retry dead not connected by reset', '/retry/reset', { wish: 'status=503;times=1' }),
  ask('retry codes', '/retry/codes', { wish: 'status=418;times=2' }),
  ask('retry codes others', '/retry/codes', { wish: 'status=500;times=2' }),
  ask('retry 409', '/retry/4xx', { wish: 'status=409;times=1' }),
  ask('retry 400', '/retry/4xx', { wish: 'status=400;times=1' }),
  ask('retry by header', '/retry/headers', { fields: ['x-may-retry: 1'], wish: `h=${encode('x-try-again: yes')};times=1` }),
  ask('retry by header not allowed', '/retry/headers', { wish: `h=${encode('x-try-again: yes')};times=1` }),
  ask('retry by header not met', '/retry/headers', { fields: ['x-may-retry: 1'], wish: `h=${encode('x-try-again: no')};times=1` }),
  ask('per-try timeout', '/retry/try-timeout', { wish: `delay=${FOREVER};times=1` }),
  ask('per-try timeout in vain', '/retry/try-timeout', { wish: `delay=${FOREVER}` }),
  ask('retry not configured', '/retry/none', { wish: 'status=503' }),
  ask('retry asked by header', '/x', { fields: ['x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 2'], wish: 'status=503' }),
];

const COUNTING: JsonObject = {
  name: 'counting',
  domains: ['counting.test'],
  include_request_attempt_count: true,
  include_attempt_count_in_response: true,
  routes: RETRIES,
};

/** What access logs say of attempts, and of what there is none here. */
const LOG: JsonObject = {
  hosts: '%UPSTREAM_HOSTS_ATTEMPTED%',
  bare_hosts: '%UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%',
  names: '%UPSTREAM_HOST_NAMES_ATTEMPTED%',
  bare_names: '%UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT%',
  upstream_protocol: '%UPSTREAM_PROTOCOL%',
  endpoint: '%UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID%',
  local_endpoint: '%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID%',
  round_trip: '%ROUNDTRIP_DURATION%',
  again: '%BYTES_RETRANSMITTED% %PACKETS_RETRANSMITTED%',
  own_flags: '%CUSTOM_FLAGS%',
  first: '%COALESCE({"operators":["REQUESTED_SERVER_NAME",{"command":"REQ","param":":METHOD","max_length":2}]})%',
  none: '%COALESCE({"operators":["REQUESTED_SERVER_NAME","ROUNDTRIP_DURATION"]})%',
};

/** What routes count by themselves. */
async function routeCounts(proxy: Proxy): Promise<Readonly<Record<string, number>>> {
  return Object.fromEntries(Object.entries(await proxy.stats('vhost.')).filter(([, count]) => !Number.isNaN(count)));
}

compareTopic({
  name: 'retries',
  setup: () => ({ routes: RETRIES, hosts: [COUNTING], log: LOG }),
  cases: CASES,
  more: (proxies) =>
    test('statistics of routes', async () => {
      const [ours, theirs] = await Promise.all(proxies().map(routeCounts));
      assert.ok(Object.keys(theirs ?? {}).length > 0);
      assert.deepEqual(ours, theirs);
    }),
});
