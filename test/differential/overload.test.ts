/** What an overloaded proxy does not do: requests, connections and keep-alive under pressure. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '../../src/core/testing/eventually.ts';
import { DIFFERENCES } from './differences.ts';
import type { World } from './framework/bootstrap.ts';
import type { Case } from './framework/case.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { ask2 } from './framework/h2-case.ts';
import type { Proxy } from './framework/proxies.ts';
import { compareTopic } from './framework/topic.ts';

const ACTIONS = [
  'stop_accepting_requests',
  'disable_http_keepalive',
  'stop_accepting_connections',
  'reject_incoming_connections',
  'shrink_heap',
  'reduce_timeouts',
] as const;
type Action = (typeof ACTIONS)[number];

function monitor(name: string, type: string, config: JsonObject): JsonObject {
  return { name, typed_config: { '@type': `type.googleapis.com/envoy.extensions.resource_monitors.${type}`, ...config } };
}

/** Sets the pressure that an action hangs on; files are replaced as a whole, for Envoy watches for that. */
function press(folder: string, action: Action, pressure: number): void {
  const file = path.join(folder, action);
  writeFileSync(`${file}.new`, String(pressure));
  renameSync(`${file}.new`, file);
}

const TIMERS = {
  typed_config: {
    '@type': 'type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig',
    timer_scale_factors: [{ timer: 'HTTP_DOWNSTREAM_STREAM_IDLE', min_timeout: '0.2s' }],
  },
};

/** Every action with a pressure of its own, which is none but for those given. */
function overload({ folder }: World, pressures: Partial<Record<Action, number>>, more: readonly JsonObject[] = []): JsonObject {
  for (const action of ACTIONS) press(folder, action, pressures[action] ?? 0);
  return {
    refresh_interval: '0.1s',
    resource_monitors: [
      ...ACTIONS.map((action) => monitor(action, 'injected_resource.v3.InjectedResourceConfig', { filename: path.join(folder, action) })),
      ...more,
    ],
    actions: ACTIONS.map((action) => ({
      name: `envoy.overload_actions.${action}`,
      triggers: [{ name: action, scaled: { scaling_threshold: 0.5, saturation_threshold: 0.9 } }],
      ...(action === 'reduce_timeouts' ? TIMERS : {}),
    })),
  };
}

const SHED = { 'answers.0.line': 'HTTP/1.1 503 Service Unavailable', 'answers.0.body': 'envoy overloaded', 'log.0.details': 'overload' };
const SHED2 = { 'answers.0.line': 'HTTP/2 503', 'answers.0.body': 'envoy overloaded', 'log.0.details': 'overload' };
const BYPASS = { listener: { bypass_overload_manager: true } };
const REPLIES = {
  manager: {
    local_reply_config: {
      mappers: [
        { filter: { status_code_filter: { comparison: { op: 'EQ', value: { default_value: 503, runtime_key: 'x' } } } }, status_code: 500 },
      ],
    },
  },
};

const SHEDS: Case[] = [
  ask('plain', '/x', {}, { expects: SHED }),
  ask('HEAD', '/x', { method: 'HEAD' }, { expects: { 'answers.0.body': '' } }),
  ask('with a body', '/x', { method: 'POST', body: 'hello' }, { expects: SHED }),
  ask(
    'of gRPC',
    '/x',
    { method: 'POST', fields: ['content-type: application/grpc'] },
    { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } },
  ),
  ask('nowhere', '/nowhere', {}, { expects: SHED }),
  ask('with an id', '/x', { fields: ['x-request-id: mine', 'x-forwarded-for: 10.0.0.1'] }, { expects: SHED }),
  ask('that wants to go on', '/x', { method: 'POST', fields: ['expect: 100-continue'], body: 'hello' }, { expects: SHED }),
  ask('to be upgraded', '/x', { fields: ['connection: upgrade', 'upgrade: websocket'] }),
  ask('of a mapped reply', '/x', {}, { listener: 'replies', expects: { 'answers.0.line': 'HTTP/1.1 500 Internal Server Error' } }),
  ask2('of HTTP/2', '/x', {}, { expects: SHED2 }),
  ask2('of HTTP/2 with a body', '/x', { method: 'POST', body: 'hello' }, { expects: SHED2 }),
  ask2(
    'of gRPC over HTTP/2',
    '/x',
    { method: 'POST', fields: ['content-type: application/grpc'] },
    { expects: { 'answers.0.line': 'HTTP/2 200' } },
  ),
];

const FLAGGED = { 'log.0.flags': DIFFERENCES.shedFlag };

const REFUSED: Case[] = [
  ...SHEDS.map((each) => ({ ...each, differs: FLAGGED })),
  of('two, one after the other', bytes('/x') + bytes('/x'), { differs: { ...FLAGGED, 'log.1.flags': DIFFERENCES.shedFlag } }),
  ask('of a listener that bypasses', '/x', {}, { listener: 'bypass', expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } }),
  ask2('of HTTP/2 to a listener that bypasses', '/x', {}, { listener: 'bypass', expects: { 'answers.0.line': 'HTTP/2 200' } }),
];

compareTopic({
  name: 'requests under overload',
  setup: (world) => ({
    listeners: { main: {}, bypass: BYPASS, replies: REPLIES },
    bootstrap: { overload_manager: overload(world, { stop_accepting_requests: 0.95 }) },
  }),
  cases: REFUSED,
});

const CLOSES = { connection: DIFFERENCES.closesUnderOverload };

const CLOSED: Case[] = [
  ask('HTTP/1.1', '/x', {}, { expects: { 'answers.0.fields.connection.0': 'close' }, differs: CLOSES }),
  ask('HTTP/1.1 with a body', '/x', { method: 'POST', body: 'hello' }, { differs: CLOSES }),
  ask('HTTP/1.1, a listener that bypasses', '/x', {}, { listener: 'bypass', expects: { connection: 'kept' } }),
  ask2('HTTP/2', '/x'),
  ask2('HTTP/2, a listener that bypasses', '/x', {}, { listener: 'bypass', expects: { connection: 'kept' } }),
];

compareTopic({
  name: 'keep-alive under overload',
  setup: (world) => ({
    listeners: { main: {}, bypass: BYPASS },
    bootstrap: { overload_manager: overload(world, { disable_http_keepalive: 1 }) },
  }),
  cases: CLOSED,
});

const REQUEST = 'GET /x HTTP/1.1\r\nhost: any.test\r\n\r\n';

/** How long something is awaited that is to come, and something that is not. */
const PATIENCE_MS = 20_000;
const SILENCE_MS = 500;

/** Status of an answer on a new connection, `refused` where it is closed without one, `waiting` where nothing comes. */
async function status(socket: net.Socket, patienceMs = PATIENCE_MS): Promise<string> {
  const answered = once(socket, 'data').then(([data]) => String(data).slice(9, 12));
  const closed = once(socket, 'close').then(() => 'refused');
  closed.catch(() => {});
  answered.catch(() => {});
  socket.write(REQUEST);
  return Promise.race([answered, closed, sleep(patienceMs, 'waiting', { ref: false })]).catch(() => 'refused');
}

function connect(port: number): net.Socket {
  return net.connect(port, '127.0.0.1').on('error', () => {});
}

async function statusOf(port: number, patienceMs = PATIENCE_MS): Promise<string> {
  const socket = connect(port);
  const result = await status(socket, patienceMs);
  socket.destroy();
  return result;
}

const folders = new Map<number, string>();
const LIMIT = 5;

/** What holds under the pressure on an action: an old connection, new ones, one to the listener that bypasses, and after it. */
async function under(proxy: Proxy, action: Action): Promise<object> {
  const folder = folders.get(proxy.origin.ports.origin) ?? '';
  const [main, bypass] = [proxy.target('main').port, proxy.target('bypass').port];
  const old = connect(main);
  const first = await status(old);
  const patienceMs = action === 'stop_accepting_connections' ? SILENCE_MS : PATIENCE_MS;
  const untilActive = (value: number): Promise<unknown> =>
    eventually(
      async () =>
        (await proxy.stats(`overload.envoy.overload_actions.${action}.active`))[`overload.envoy.overload_actions.${action}.active`] ===
          value || undefined,
      () => `${action} is ${value}`,
    );
  press(folder, action, 0.95);
  await untilActive(1);
  const seen = { first, old: await status(old), fresh: await statusOf(main, patienceMs), bypass: await statusOf(bypass) };
  const waiting = connect(main);
  // it is there before the pressure goes
  const late = await status(waiting, patienceMs);
  press(folder, action, 0);
  await untilActive(0);
  old.destroy();
  const result = {
    ...seen,
    waited: late === 'waiting' ? await status(waiting) : late,
    after: await statusOf(main),
  };
  waiting.destroy();
  return result;
}

async function counted(proxy: Proxy, name: string): Promise<number> {
  const all = await proxy.stats(name);
  return Object.entries(all).reduce((sum, [key, value]) => sum + (key.includes('admin') ? 0 : value), 0);
}

async function full(proxy: Proxy): Promise<object> {
  const [main, bypass] = [proxy.target('main').port, proxy.target('bypass').port];
  const sockets = Array.from({ length: LIMIT }, () => connect(main));
  const served = await Promise.all(sockets.map((socket) => status(socket)));
  const before = await counted(proxy, 'downstream_global_cx_overflow');
  const over = [await statusOf(main), await statusOf(main)];
  const bypassing = await statusOf(bypass);
  const overflow = (await counted(proxy, 'downstream_global_cx_overflow')) - before;
  for (const socket of sockets) socket.destroy();
  const after = await eventually(
    async () => ((await statusOf(main)) === '200' ? '200' : undefined),
    () => 'nobody is served after the others have left',
  );
  return { served, over, bypassing, overflow, after };
}

const names = (proxy: Proxy): Promise<string[]> =>
  proxy
    .stats('overload')
    .then((all) =>
      Object.keys(all).filter((name) =>
        /^overload\.(?:envoy\.overload_actions\.\w+\.(?:active|scale_percent|shrink_count)|\w+\.pressure)$/.test(name),
      ),
    );

interface Check {
  readonly name: string;
  readonly run: (proxy: Proxy) => Promise<unknown>;
  /** What Envoy does. */
  readonly expects?: unknown;
}

const CHECKS: Check[] = [
  {
    name: 'connections are rejected',
    run: (proxy) => under(proxy, 'reject_incoming_connections'),
    expects: { first: '200', old: '200', fresh: 'refused', bypass: '200', waited: 'refused', after: '200' },
  },
  { name: 'rejected connections are counted', run: (proxy) => counted(proxy, 'downstream_cx_overload_reject'), expects: 2 },
  {
    name: 'connections wait',
    run: (proxy) => under(proxy, 'stop_accepting_connections'),
    expects: { first: '200', old: '200', fresh: 'waiting', bypass: '200', waited: '200', after: '200' },
  },
  { name: 'memory is looked through', run: (proxy) => under(proxy, 'shrink_heap') },
  { name: 'requests are refused, and served again', run: (proxy) => under(proxy, 'stop_accepting_requests') },
  { name: 'refused requests are counted', run: (proxy) => counted(proxy, 'http.main.downstream_rq_overload_close') },
  {
    name: 'connections above the limit are closed',
    run: full,
    expects: { served: Array(LIMIT).fill('200'), over: ['refused', 'refused'], bypassing: '200', overflow: 2, after: '200' },
  },
  { name: 'statistics have Envoy’s names', run: async (proxy) => (await names(proxy)).toSorted() },
];

compareTopic({
  name: 'connections under overload',
  setup(world) {
    folders.set(world.ports.origin, world.folder);
    const max = monitor(
      'envoy.resource_monitors.global_downstream_max_connections',
      'downstream_connections.v3.DownstreamConnectionsConfig',
      {
        max_active_downstream_connections: LIMIT,
      },
    );
    return {
      listeners: { main: {}, bypass: { listener: { bypass_overload_manager: true, ignore_global_conn_limit: true } } },
      bootstrap: { overload_manager: overload(world, {}, [max]) },
    };
  },
  cases: [ask('without pressure', '/x', {}, { expects: { 'answers.0.line': 'HTTP/1.1 200 OK' } })],
  more(proxies) {
    for (const { name, run, expects } of CHECKS) {
      test(name, async () => {
        const [ours, theirs] = await Promise.all(proxies().map(run));
        if (expects !== undefined) assert.deepEqual(theirs, expects, 'Envoy');
        assert.deepEqual(ours, theirs);
      });
    }
  },
});
