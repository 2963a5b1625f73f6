/** What is believed of, and told to, other proxies. */
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { EDGE, FORWARD, SIDECAR, STRICT } from './framework/listeners.ts';
import { to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const CASES: Case[] = [
  ask('forwarded nothing', '/x'),
  ask('forwarded for', '/x', { fields: ['x-forwarded-for: 1.2.3.4, 5.6.7.8', 'x-forwarded-proto: https', 'x-request-id: mine'] }),
  ask('forwarded internal', '/x', { fields: ['x-forwarded-for: 10.0.0.1', 'x-envoy-internal: true'] }),
  ask('forwarded bad proto', '/x', { fields: ['x-forwarded-proto: ftp'] }),
  ask('edge forwarded nothing', '/x', {}, { listener: 'edge' }),
  ask(
    'edge forwarded for',
    '/x',
    { fields: ['x-forwarded-for: 1.2.3.4', 'x-forwarded-proto: https', 'x-request-id: mine', 'via: 1.1 before'] },
    { listener: 'edge' },
  ),
  ask(
    'edge forwarded host',
    '/x',
    {
      host: 'any.test:8080',
      fields: [
        'x-forwarded-host: evil',
        'x-envoy-internal: true',
        'x-envoy-original-path: /evil',
        'x-envoy-decorator-operation: a',
        'x-envoy-expected-rq-timeout-ms: 5',
      ],
    },
    { listener: 'edge' },
  ),
  ask(
    'one hop trusted',
    '/x',
    { fields: ['x-forwarded-for: 1.2.3.4, 5.6.7.8', 'x-forwarded-proto: https', 'x-request-id: mine'] },
    { listener: 'forward' },
  ),
  ask('one hop trusted and missing', '/x', { host: 'any.test:80' }, { listener: 'forward' }),
  ask('internal addresses', '/x', { fields: ['x-forwarded-for: 10.0.0.1', 'x-envoy-max-retries: 1'] }, { listener: 'strict' }),
  ask('no request id', '/x', { host: 'any.test.' }, { listener: 'strict' }),
  ask('reply has request id', '/dead', {}, { listener: 'edge' }),
  ask('traceparent', '/x', { fields: ['traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'] }),
];

const LISTENERS = { main: SIDECAR, edge: EDGE, forward: FORWARD, strict: STRICT };

compareTopic({ name: 'forwarding', setup: () => ({ listeners: LISTENERS, routes: [to('/dead', { cluster: 'dead' })] }), cases: CASES });
