/** TCP proxying: what flows, how connections end, limits, and what the access log has. */
import { test } from 'node:test';
import type { Listener, Setup, World } from './framework/bootstrap.ts';
import type { Case } from './framework/case.ts';
import { cluster } from './framework/pieces.ts';
import { tcp, type TcpOptions } from './framework/tcp-case.ts';
import { networkFilter, tcpClusters, tcpListener, tcpLog, tcpProxy } from './framework/network-pieces.ts';
import type { Proxy } from './framework/proxies.ts';
import { startTcpServers } from './framework/tcp-servers.ts';
import { compareTopic } from './framework/topic.ts';
import { untilSame } from './framework/until-same.ts';

const HELLO = { send: 'hello' } as const;
const END = { end: true } as const;
const at = (listener: string, body: string, options: TcpOptions = {}): TcpOptions => ({
  listener,
  ...options,
  expects: { 'answers.0.body': body, ...options.expects },
});

const FLOW: Case[] = [
  tcp('bytes and an end', [HELLO, END], at('whole', 'got hello', { expects: { 'log.0.flags': '-' } })),
  tcp('nothing and an end', [END], at('whole', 'got ')),
  tcp('back and forth', [HELLO, { hear: 'hello' }, { send: ' again' }, { hear: 'again' }, END], at('echo', 'hello again')),
  tcp('a server that speaks first', [{ hear: '\r\n' }, { send: 'quit' }], at('greets', '220 hello\r\n221 bye\r\n')),
  tcp('a server that ends first', [{ hear: 'early' }, HELLO, END], at('endsFirst', 'early')),
  tcp(
    'a server that ends first and a client that ends late',
    [{ hear: 'early' }, { waitMs: 60 }, HELLO, { waitMs: 60 }, END],
    at('endsFirst', 'early'),
  ),
  tcp('a server that closes', [], at('closes', '')),
  tcp('a lot of bytes down', [END], at('big', '4194304 bytes', { countsBytes: true })),
  tcp(
    'a lot of bytes both ways',
    [{ send: Buffer.alloc(3 << 20, 'y') }, { bytes: 3 << 20 }, END],
    at('echo', '3145728 bytes', { countsBytes: true }),
  ),
  tcp('a client that breaks off', [HELLO, { hear: 'hello' }, { reset: true }], at('echo', 'hello')),
  tcp('a client that breaks off before a word', [{ waitMs: 30 }, { reset: true }], at('holds', '')),
  tcp('a server that breaks off', [HELLO], at('resets', '')),
  tcp('a server that breaks off at once', [{ waitMs: 30 }], at('resetsAtOnce', '')),
  tcp('a server that breaks off in the middle', [{ hear: 'some' }, HELLO], at('halfSaid', 'some')),
];

const FAILURES: Case[] = [
  tcp('nobody listens', [], at('dead', '', { expects: { 'log.0.flags': 'UF,URX' } })),
  tcp('nobody listens, three attempts', [], at('dead3', '', { expects: { 'log.0.attempts': 3 } })),
  tcp('nobody listens, with back-off', [], at('deadBackoff', '', { expects: { 'log.0.attempts': 2 } })),
  tcp('no host', [], at('empty', '', { expects: { 'log.0.flags': 'UH' } })),
  tcp('no cluster', [], at('none', '', { expects: { 'log.0.flags': 'NC' } })),
  tcp('no connection allowed', [], at('full', '', { expects: { 'log.0.flags': 'UO' } })),
];

const TIMES: Case[] = [
  tcp('idle', [HELLO, { hear: 'hello' }], at('idle', 'hello')),
  tcp('idle from the beginning', [], at('idle', '')),
  tcp('idle after the client has ended', [END], at('idleHolds', '')),
  tcp('too old', [HELLO, { hear: 'hello' }], at('old', 'hello', { expects: { 'log.0.flags': 'DT' } })),
  tcp('too old, with jitter', [HELLO, { hear: 'hello' }], at('oldJitter', 'hello', { expects: { 'log.0.flags': 'DT' } })),
];

const LOGS: Case[] = [
  tcp('logged when connected', [HELLO, END], at('logConnected', 'got hello', { expects: { 'log.length': 2 } })),
  tcp('logged when connected, the old way', [HELLO, END], at('logOld', 'got hello', { expects: { 'log.length': 2 } })),
  tcp('logged at the start', [HELLO, END], at('logStart', 'got hello', { expects: { 'log.length': 2 } })),
  tcp('logged when connected, and nobody is there', [], at('logDead', '', { expects: { 'log.length': 1 } })),
];

const CHOICES: Case[] = [
  tcp('weights', [END], at('weighted', 'second')),
  tcp('a cluster by a filter before', [END], at('chosen', 'second')),
  tcp('a word that waits for its server', [HELLO, END], at('onData', 'got hello')),
  tcp('a client that waits for a server to be connected', [{ waitMs: 100 }, END], at('onData', '')),
];

const DIRECT: Case[] = [
  tcp('an answer without an upstream', [HELLO], at('direct', 'go away\n')),
  tcp('an echo', [HELLO, { hear: 'hello' }, END], at('echoFilter', 'hello')),
];

function setup(world: World): Setup {
  const to = (name: string, fields = {}): Listener => tcpListener([tcpProxy(world, name, fields)]);
  const listeners: Record<string, Listener> = {};
  for (const name of Object.keys(world.servers)) listeners[name] = to(name);
  const BACKOFF = { base_interval: '0.01s', max_interval: '0.02s' };
  return {
    listeners: {
      ...listeners,
      dead: to('dead'),
      dead3: to('dead', { max_connect_attempts: 3 }),
      deadBackoff: to('dead', { max_connect_attempts: 2, backoff_options: BACKOFF }),
      empty: to('empty'),
      none: to('nowhere'),
      full: to('full'),
      idle: to('echo', { idle_timeout: '0.8s' }),
      idleHolds: to('holds', { idle_timeout: '0.8s' }),
      old: to('echo', { max_downstream_connection_duration: '0.8s' }),
      oldJitter: to('echo', {
        max_downstream_connection_duration: '0.8s',
        max_downstream_connection_duration_jitter_percentage: { value: 50 },
      }),
      logConnected: to('whole', { access_log_options: { flush_access_log_on_connected: true } }),
      logOld: to('whole', { flush_access_log_on_connected: true }),
      logStart: to('whole', { access_log_options: { flush_access_log_on_start: true } }),
      logDead: to('dead', { access_log_options: { flush_access_log_on_connected: true } }),
      weighted: tcpListener([
        tcpProxy(world, {
          weighted_clusters: {
            clusters: [
              { name: 'first', weight: 1 },
              { name: 'second', weight: 4_000_000 },
            ],
          },
        }),
      ]),
      chosen: tcpListener([
        networkFilter('set_filter_state', 'set_filter_state.v3.Config', {
          on_new_connection: [
            { object_key: 'envoy.tcp_proxy.cluster', format_string: { text_format_source: { inline_string: 'second' } } },
          ],
        }),
        tcpProxy(world, 'first'),
      ]),
      onData: to('whole', { upstream_connect_mode: 'ON_DOWNSTREAM_DATA', max_early_data_bytes: 8192, idle_timeout: '2s' }),
      direct: tcpListener(
        [networkFilter('direct_response', 'direct_response.v3.Config', { response: { inline_string: 'go away\n' } })],
        {},
        { access_log: tcpLog(world) },
      ),
      echoFilter: tcpListener([networkFilter('echo', 'echo.v3.Echo')], {}, { access_log: tcpLog(world) }),
    },
    clusters: [
      ...tcpClusters(world),
      cluster('full', [world.servers['whole'] ?? 0], { circuit_breakers: { thresholds: [{ max_connections: 0 }] } }),
    ],
  };
}

/** What is counted of all cases together, as far as chance has no part in it. */
const COUNTED = [
  [
    'tcp.tcp.',
    [
      'downstream_cx_no_route',
      'downstream_cx_rx_bytes_total',
      'downstream_cx_tx_bytes_total',
      'idle_timeout',
      'max_downstream_connection_duration',
    ],
  ],
  [
    'cluster.whole.',
    ['upstream_cx_total', 'upstream_cx_active', 'upstream_cx_rx_bytes_total', 'upstream_cx_tx_bytes_total', 'upstream_cx_connect_fail'],
  ],
  ['cluster.dead.', ['upstream_cx_total', 'upstream_cx_connect_fail', 'upstream_cx_connect_attempts_exceeded', 'upstream_cx_active']],
  ['cluster.full.', ['upstream_cx_overflow']],
  ['cluster.empty.', ['upstream_cx_none_healthy']],
] as const;

function sameCounters(proxies: () => readonly Proxy[]): void {
  test('the same is counted', { skip: process.env['TULLE_SHOW'] !== undefined }, async () => {
    await untilSame(proxies(), async (proxy) => {
      const found: Record<string, number | undefined> = {};
      for (const [prefix, names] of COUNTED) {
        const all = await proxy.stats(prefix);
        for (const name of names) found[`${prefix}${name}`] = all[`${prefix}${name}`];
      }
      return found;
    });
  });
}

compareTopic({
  name: 'TCP proxy',
  servers: startTcpServers,
  setup,
  more: sameCounters,
  cases: [...FLOW, ...FAILURES, ...TIMES, ...LOGS, ...CHOICES, ...DIRECT],
});
