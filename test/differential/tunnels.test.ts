/** WebSocket and CONNECT, by HTTP/1.1 and HTTP/2 (RFC 8441) on either side. */
import type { JsonObject } from '@bufbuild/protobuf';
import { DIFFERENCES } from './differences.ts';
import type { Case } from './framework/case.ts';
import { bytes, of } from './framework/h1-case.ts';
import { head, on2, type Request2 } from './framework/h2-case.ts';
import { codeOf } from './framework/h2-names.ts';
import type { Field } from './framework/h2-hpack.ts';
import { h2Cluster, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const WEBSOCKET = ['connection: Upgrade', 'Upgrade: websocket', 'sec-websocket-key: abc', 'sec-websocket-version: 13'];

const extended = (name: string, path: string, request: Request2 = {}): Field[] => [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  ...head(name, path, request).filter(([each]) => each !== ':method'),
];

interface Said {
  readonly listener?: string;
  /** What is said first, and how long its answer is. */
  readonly first?: string;
  readonly answerBytes?: number;
  /** The client gives the tunnel up instead of ending its side: an origin of HTTP/1.1 does not end when its client has. */
  readonly isGivenUp?: boolean;
  readonly differs?: Case['differs'];
}

/** Says something, waits for an answer, and ends its side. */
const echoed = (name: string, fields: readonly Field[], said: Said = {}): Case => {
  const { listener = 'main', first = 'ping', answerBytes = first.length, isGivenUp = false, differs = {} } = said;
  return on2(
    name,
    async (client) => {
      await client.ready();
      const stream = client.request(fields, false);
      await stream.answered();
      if (stream.isOver) return;
      stream.data(first);
      await stream.received(answerBytes);
      if (isGivenUp) stream.reset(codeOf('CANCEL'));
      else stream.data('pong', true);
      await stream.ended();
    },
    { listener, differs },
  );
};

const connecting = (name: string, authority: string): Field[] => [
  [':method', 'CONNECT'],
  [':authority', authority],
  ['x-case', name.replaceAll(' ', '-')],
];

const REFUSED = { 'upstream.0.end': DIFFERENCES.refusedTunnel };
const GIVEN_UP = { 'upstream.0.end': DIFFERENCES.cancelledUpstream };

const WEBSOCKETS: Case[] = [
  ...['h1', 'h2'].flatMap((name) => [
    of(`1 to ${name}`, [bytes(`/${name}`, { fields: WEBSOCKET }), 'ping', 'pong'], {
      differs: name === 'h1' ? {} : GIVEN_UP,
    }),
    of(`1 refused by ${name}`, bytes(`/${name}`, { fields: WEBSOCKET, wish: 'status=403' }), { differs: name === 'h1' ? {} : REFUSED }),
    echoed(`2 to ${name}`, extended(`2 to ${name}`, `/${name}`), { isGivenUp: name === 'h1' }),
    echoed(`2 refused by ${name}`, extended(`2 refused by ${name}`, `/${name}`, { wish: 'status=403' }), {
      differs: name === 'h1' ? {} : REFUSED,
    }),
    echoed(`2 not allowed by the route to ${name}`, extended(`2 not allowed by the route to ${name}`, `/no/${name}`)),
    echoed(`2 not configured to ${name}`, extended(`2 not configured to ${name}`, `/${name}`), { listener: 'plain' }),
    of(`1 not configured to ${name}`, bytes(`/${name}`, { fields: WEBSOCKET }), { listener: 'plain' }),
  ]),
  echoed('2 to the dead', extended('2 to the dead', '/dead')),
  of('1 to the dead', bytes('/dead', { fields: WEBSOCKET })),
  echoed(
    '2 of another protocol',
    [...extended('2 of another protocol', '/h1').filter(([name]) => name !== ':protocol'), [':protocol', 'tor']],
    { differs: { connection: DIFFERENCES.saidWhy } },
  ),
  echoed('2 with a length', [...extended('2 with a length', '/h2'), ['content-length', '8']]),
];

const RAW = bytes('/in-a-tunnel', { fields: ['x-case: CONNECT-as-TCP'] }).replace('x-case: @\r\n', '');
const connect1 = (name: string, authority: string, differs: Case['differs'] = {}): Case =>
  of(name, [bytes(authority, { method: 'CONNECT', host: authority }), 'ping', 'pong'], { listener: 'connect', isHead: true, differs });

const post1 = (host: string, body: string): string => bytes('/x', { method: 'POST', host, body });

const CONNECTS: Case[] = [
  echoed('CONNECT to h2', connecting('CONNECT to h2', 'h2.test:443'), { listener: 'connect' }),
  echoed('CONNECT to h1', connecting('CONNECT to h1', 'h1.test:443'), { listener: 'connect', isGivenUp: true }),
  echoed('CONNECT as TCP', connecting('CONNECT as TCP', 'tcp.test:443'), {
    listener: 'connect',
    first: RAW,
    answerBytes: 20,
    isGivenUp: true,
  }),
  echoed('CONNECT to the dead', connecting('CONNECT to the dead', 'dead.test:443'), { listener: 'connect' }),
  echoed('CONNECT without a route', connecting('CONNECT without a route', 'other.test:443'), { listener: 'connect' }),
  echoed('CONNECT not configured', connecting('CONNECT not configured', 'h2.test:443'), { listener: 'main' }),
  connect1('1 CONNECT to h1', 'h1.test:443'),
  connect1('1 CONNECT to h2', 'h2.test:443', GIVEN_UP),
  of('1 CONNECT without a route', bytes('other.test:443', { method: 'CONNECT', host: 'other.test:443' }), { listener: 'connect' }),
  of('POST as TCP', post1('post.test', RAW), { listener: 'connect', expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }),
  of('POST as TCP not allowed', post1('tcp.test', RAW), { listener: 'connect' }),
  of('POST as TCP to the dead', post1('post-dead.test', RAW), { listener: 'connect' }),
  of('GET beside POST as TCP', bytes('/x', { host: 'post.test' }), { listener: 'connect' }),
  of('1 CONNECT to the dead', bytes('dead.test:443', { method: 'CONNECT', host: 'dead.test:443' }), { listener: 'connect' }),
];

const ROUTES: JsonObject[] = [
  to('/no/h1', { upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] }),
  to('/no/h2', { cluster: 'h2', upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] }),
  to('/h1'),
  to('/h2', { cluster: 'h2' }),
  to('/dead', { cluster: 'dead' }),
];

const tunnel = (name: string, target: string, upgrade: JsonObject = {}): JsonObject => ({
  name,
  domains: [`${name}.test`, `${name}.test:443`],
  routes: [{ match: { connect_matcher: {} }, route: { cluster: target, upgrade_configs: [{ upgrade_type: 'CONNECT', ...upgrade }] } }],
});

const posting = (name: string, target: string): JsonObject => ({
  name,
  domains: [`${name}.test`],
  routes: [
    {
      match: { prefix: '/' },
      route: { cluster: target, upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: { allow_post: true } }] },
    },
  ],
});

const CONNECT_ALLOWED = { http2_protocol_options: { allow_connect: true } };

compareTopic({
  name: 'tunnels',
  setup: ({ ports }) => ({
    listeners: {
      main: { manager: { upgrade_configs: [{ upgrade_type: 'websocket' }], ...CONNECT_ALLOWED } },
      plain: { manager: CONNECT_ALLOWED },
      connect: { manager: { upgrade_configs: [{ upgrade_type: 'CONNECT' }], ...CONNECT_ALLOWED } },
    },
    routes: ROUTES,
    hosts: [
      tunnel('h1', 'origin'),
      tunnel('h2', 'h2'),
      tunnel('dead', 'dead'),
      tunnel('tcp', 'origin', { connect_config: {} }),
      posting('post', 'origin'),
      posting('post-dead', 'dead'),
    ],
    clusters: [h2Cluster('h2', [ports.originH2], {}, { allow_connect: true })],
  }),
  cases: [...WEBSOCKETS, ...CONNECTS],
});
