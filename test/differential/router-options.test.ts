/** Options of the router filter itself. */
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { to, direct, httpFilter } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const HEADERS = [
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-max-retries',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
];

const CASES: Case[] = [
  ...HEADERS.flatMap((name) =>
    ['5', 'x', '', '5xx', '5xx,cancelled'].map((value) => ask(`${name} of "${value}"`, '/x', { fields: [`${name}: ${value}`] })),
  ),
  ask('two that are wrong', '/x', { fields: ['x-envoy-max-retries: a', 'x-envoy-upstream-rq-timeout-ms: b'] }),
  ask('a route that does not forward', '/direct', { fields: ['x-envoy-max-retries: a'] }),
  ask('an expected timeout', '/x', { fields: ['x-envoy-expected-rq-timeout-ms: 1000'], wish: 'delay=2200' }),
  ask('an expected timeout within the time', '/x', { fields: ['x-envoy-expected-rq-timeout-ms: 20000'] }),
  ask('an expected timeout over the one asked for', '/x', {
    fields: ['x-envoy-expected-rq-timeout-ms: 1000', 'x-envoy-upstream-rq-timeout-ms: 20000'],
    wish: 'delay=2200',
  }),
  ask('an expected timeout that is none', '/x', { fields: ['x-envoy-expected-rq-timeout-ms: x'] }),
];

compareTopic({
  name: 'router options',
  setup: () => ({
    listeners: {
      main: {
        manager: {
          use_remote_address: true,
          http_filters: [httpFilter('router', 'router.v3.Router', { strict_check_headers: HEADERS, respect_expected_rq_timeout: true })],
        },
      },
    },
    routes: [direct('/direct', 200, 'd'), to('/x')],
  }),
  cases: CASES,
});
