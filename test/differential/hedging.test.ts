/** Hedged requests: a try that takes too long goes on beside the next one, and the first good answer counts. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import { h2Cluster, retry } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { FOREVER } from './framework/wishes.ts';

const HEDGED = { hedge_policy: { hedge_on_per_try_timeout: true } };

const hedged = (prefix: string, retry_on: string, policy: JsonObject, action: JsonObject = {}): JsonObject =>
  retry(prefix, retry_on, { per_try_timeout: '0.8s', ...policy }, { ...HEDGED, timeout: '20s', ...action });

const ROUTES: JsonObject[] = [
  hedged('/once', '5xx', { num_retries: 1 }),
  hedged('/twice', '5xx', { num_retries: 2 }),
  hedged('/short', '5xx', { num_retries: 2, per_try_timeout: '0.6s' }, { timeout: '2.6s' }),
  hedged('/quiet', '', { num_retries: 1 }),
  retry('/plain', '5xx', { num_retries: 1, per_try_timeout: '0.8s' }, { cluster: 'h2' }),
  retry('/briefly', '5xx', { num_retries: 0 }, { cluster: 'h2', timeout: '0.8s' }),
  hedged('/h2', '5xx', { num_retries: 1 }, { cluster: 'h2' }),
];

/** The next try begins after 0.8 s, and is answered at once. */
const ONE_SLOW = `delay=${FOREVER};times=1`;

const CASES: Case[] = [
  ask('a slow first try', '/once', { wish: ONE_SLOW }, { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }),
  ask('a slow first try that would have failed', '/once', { wish: `${ONE_SLOW};status=503` }),
  ask('a first try that is slow enough to win', '/once', { wish: 'delay=1200' }),
  ask('all tries slow', '/once', { wish: 'delay=2800' }),
  ask('all tries slow, two more', '/twice', { wish: 'delay=3600' }),
  ask('no try within the time', '/short', { wish: `delay=${FOREVER}` }),
  ask('two slow tries', '/twice', { wish: `delay=${FOREVER};times=2` }),
  ask('a body is sent to each', '/once', { method: 'POST', body: 'again', wish: ONE_SLOW }),
  ask('a fast failure is retried as usual', '/twice', { wish: 'status=503;times=1' }),
  ask('a fast failure in vain', '/once', { wish: 'status=503' }),
  ask('nothing to retry on', '/quiet', { wish: 'delay=2000;times=1' }),
  ask('asked for by a header', '/once', { fields: ['x-envoy-hedge-on-per-try-timeout: false'], wish: ONE_SLOW }),
  differing(ask2('a slow first try by HTTP/2', '/h2', { wish: ONE_SLOW }), { 'upstream.0.end': DIFFERENCES.cancelledUpstream }),
  differing(ask2('all tries slow by HTTP/2', '/h2', { wish: 'delay=2800' }), { 'upstream.1.end': DIFFERENCES.cancelledUpstream }),
  differing(ask2('a try without hedge by HTTP/2', '/plain', { wish: ONE_SLOW }), { 'upstream.0.end': DIFFERENCES.cancelledUpstream }),
  differing(ask2('no try within the time by HTTP/2', '/briefly', { wish: `delay=${FOREVER}` }), {
    'upstream.0.end': DIFFERENCES.cancelledUpstream,
  }),
];

compareTopic({
  name: 'hedging',
  setup: ({ ports }) => ({ routes: ROUTES, clusters: [h2Cluster('h2', [ports.originH2])] }),
  cases: CASES,
});
