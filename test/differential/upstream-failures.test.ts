/** What a client gets when the upstream fails or takes too long. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { cluster, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';
import { FOREVER } from './framework/wishes.ts';

const encode = encodeURIComponent;

const ERRORS: JsonObject[] = [
  to('/slow', { timeout: '0.8s' }),
  to('/dead', { cluster: 'dead' }),
  to('/empty', { cluster: 'empty' }),
  to('/full', { cluster: 'full' }),
  to('/no-cluster', { cluster: 'nobody' }),
  to('/no-cluster-404', { cluster: 'nobody', cluster_not_found_response_code: 'NOT_FOUND' }),
];

const CASES: Case[] = [
  ask('timeout', '/slow', { wish: `delay=${FOREVER}` }),
  ask('timeout within a body', '/slow', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')}` }),
  ask('dead', '/dead', {}),
  ask('empty cluster', '/empty'),
  ask('full cluster', '/full'),
  ask('no cluster', '/no-cluster'),
  ask('no cluster 404', '/no-cluster-404'),
  ask('reset', '/x', { wish: 'reset' }),
  ask('cut in a head', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\nx-a')};end=1` }),
  ask('cut in a body', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')};end=1` }),
  ask('cut in a chunked body', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')};end=1` }),
  ask('reset in a body', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')};cut=1` }),
  ask('rubbish', '/x', { wish: `raw=${encode('rubbish\r\n\r\n')}` }),
  ask('bad field', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\nbad field: x\r\n\r\n')}` }),
  ask('two lengths', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc')}` }),
  ask('length and chunked', '/x', {
    wish: `raw=${encode('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')}`,
  }),
  differing(
    ask('unasked upgrade', '/x', {
      wish: `raw=${encode('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')}`,
    }),
    {
      answers: DIFFERENCES.unaskedUpgrade,
      connection: DIFFERENCES.unaskedUpgrade,
      log: DIFFERENCES.unaskedUpgrade,
    },
  ),
  ask('until close', '/x', { wish: `raw=${encode('HTTP/1.1 200 OK\r\n\r\nall of it')};end=1` }),
  ask('old origin', '/x', { wish: `raw=${encode('HTTP/1.0 200 OK\r\n\r\nold')};end=1` }),
  ask('origin closes', '/x', { wish: 'close=1' }),
  ask('timeout asked by header', '/x', { fields: ['x-envoy-upstream-rq-timeout-ms: 1000'], wish: 'delay=2200' }),
];

compareTopic({
  name: 'upstream failures',
  setup: ({ ports }) => ({
    routes: ERRORS,
    clusters: [cluster('full', [ports.origin], { circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } })],
  }),
  cases: CASES,
});
