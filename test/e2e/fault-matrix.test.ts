/**
 * Everything that an upstream can do wrong, by every protocol, in clear text and over TLS. Each has one outcome for the
 * client and one word in the access log, and none leaves a socket, a timer or memory behind.
 */
import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import { isDeepStrictEqual } from 'node:util';
import vm from 'node:vm';
import type { JsonObject } from '@bufbuild/protobuf';
import { ask } from '../../src/cli/demo/client.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLog } from '../../src/core/log.ts';
import { loadBootstrap } from '../../src/proxy/config/bootstrap.ts';
import { type RunningProxy, startProxy } from '../../src/proxy/main.ts';
import { timersOf } from '../../src/proxy/timers.ts';
import { createCertificates } from '../differential/framework/certificates.ts';
import { type Asked, type FaultOrigin, type Protocol, startFaultOrigin, startMuteOrigin } from './fault-origins.ts';
import { digestOf } from './http-body.ts';
import { connectClient } from './http-client.ts';
import { cluster, httpListener, httpOptions, tcpListener, tlsSocket, typed } from './static-proxy.ts';

/** For origins that hang, and for bytes, which nobody else ends: in the round that is judged, a busy machine must come before it. */
const JUDGED = { name: 'f', timeoutMs: 4000, connectMs: 4000 } as const;
/** In rounds that only must leave nothing. */
const QUICK = { name: 'l', timeoutMs: 600, connectMs: 500 } as const;
type Times = typeof JUDGED | typeof QUICK;
/** For all others: a busy machine must not come to it. */
const PATIENCE_MS = 20_000;
const TRICKLE_MS = 2;
const ROUNDS = 6;
/** Rounds in which caches, pools and compiled code may still grow. */
const WARM_ROUNDS = 2;
const GROWTH_BYTES_MAX = 1024 * 1024;

interface Fault {
  readonly name: string;
  /** What the origin does when it is asked; `mute` never speaks the protocol, `refuses` does not listen. */
  readonly origin: ((asked: Asked) => unknown) | { readonly mute: string | undefined } | 'refuses';
  /** Only where the origin should speak TLS. */
  readonly isOfTls?: boolean;
  /** Status, what came of the body, and response flags: for bytes, what came, how it ended, and flags. */
  readonly want: Partial<Record<Protocol, string>>;
}

async function trickle({ words, write }: Asked): Promise<void> {
  for (const byte of Buffer.concat([words.head, words.first, words.rest])) {
    write(Buffer.of(byte));
    await sleep(TRICKLE_MS);
  }
}

const FAULTS: readonly Fault[] = [
  { name: 'refuses', origin: 'refuses', want: { h1: '503 whole UF', h2: '503 whole UF', tcp: '"" reset UF,URX' } },
  {
    name: 'never shakes hands',
    origin: { mute: undefined },
    isOfTls: true,
    want: { h1: '503 whole UF', h2: '503 whole UF', tcp: '"" reset UF,URX' },
  },
  {
    name: 'speaks no TLS',
    origin: { mute: 'HTTP/1.1 400 Bad Request\r\n\r\n' },
    isOfTls: true,
    want: { h1: '503 whole UF', h2: '503 whole UF', tcp: '"" reset UF,URX' },
  },
  { name: 'closes before an answer', origin: ({ close }) => close(), want: { h1: '503 whole UC', h2: '503 whole UC', tcp: '"" end -' } },
  { name: 'resets before an answer', origin: ({ reset }) => reset(), want: { h1: '503 whole UC', h2: '503 whole UC', tcp: '"" reset UR' } },
  { name: 'hangs', origin() {}, want: { h1: '504 whole UT', h2: '504 whole UT', tcp: '"" end -' } },
  {
    name: 'hangs after the head',
    origin: ({ words, write }) => write(words.head),
    want: { h1: '200 cut UT', h2: '200 cut UT', tcp: '"" end -' },
  },
  {
    name: 'hangs within the body',
    origin: ({ words, write }) => write(Buffer.concat([words.head, words.first])),
    want: { h1: '200 cut UT', h2: '200 cut UT', tcp: '"abcde" end -' },
  },
  { name: 'trickles', origin: trickle, want: { h1: '200 whole -', h2: '200 whole -', tcp: '"abcdefghij" end -' } },
  {
    name: 'closes within the body',
    origin({ words, write, close }) {
      write(Buffer.concat([words.head, words.first]));
      close();
    },
    want: { h1: '200 cut UPE', h2: '200 cut UC', tcp: '"abcde" end -' },
  },
  {
    name: 'resets within the body',
    async origin({ words, write, reset }) {
      write(Buffer.concat([words.head, words.first]));
      // what was written is read before the reset overtakes it
      await sleep(300);
      reset();
    },
    want: { h1: '200 cut UPE', h2: '200 cut UC', tcp: '"abcde" reset UR' },
  },
  {
    name: 'answers garbage',
    origin: ({ words, write }) => write(words.garbage),
    want: { h1: '502 whole UPE', h2: '502 whole UPE', tcp: '"\\u0001rubbish\\r\\n" end -' },
  },
  {
    name: 'goes on with garbage',
    async origin({ words, write }) {
      write(Buffer.concat([words.head, words.first]));
      await sleep(20);
      write(Buffer.concat([words.rest, words.garbage]));
    },
    want: { h1: '200 whole -', h2: '200 whole -', tcp: '"abcdefghij\\u0001rubbish\\r\\n" end -' },
  },
];

interface Combination {
  readonly name: string;
  readonly protocol: Protocol;
  readonly isTls: boolean;
  readonly fault: Fault;
  readonly want: string;
}

const COMBINATIONS: readonly Combination[] = FAULTS.flatMap((fault) =>
  (['h1', 'h2', 'tcp'] as const).flatMap((protocol) =>
    [false, true]
      .filter((isTls) => isTls || fault.isOfTls !== true)
      .map((isTls) => ({
        name: `${protocol}${isTls ? ' over TLS' : ''}: ${fault.name}`,
        protocol,
        isTls,
        fault,
        want: fault.want[protocol] ?? '',
      })),
  ),
);

const certificates = createCertificates();
const folder = mkdtempSync(path.join(tmpdir(), 'tulle-faults-'));
const origins: FaultOrigin[] = [];
let proxy: RunningProxy;
const ports = new Map<string, number>();

/** Where nobody listens: a port that the kernel gives to no other test, either. */
const NOBODY: FaultOrigin = { port: 1, dropAll() {}, stop: () => Promise.resolve() };

async function startOrigin({ protocol, isTls, fault: { origin } }: Combination): Promise<FaultOrigin> {
  if (typeof origin === 'function')
    return await startFaultOrigin(protocol, isTls ? certificates.origin : undefined, (it) => void origin(it));
  return origin === 'refuses' ? NOBODY : await startMuteOrigin(origin.mute);
}

const accessLog = (line: string): JsonObject => ({
  access_log: [
    {
      name: 'file',
      typed_config: typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
        path: path.join(folder, 'access.log'),
        log_format: { text_format_source: { inline_string: `${line}\n` } },
      }),
    },
  ],
});

/** A listener and a cluster for each combination, by number. */
function resources({ name: own, timeoutMs, connectMs }: Times): { listeners: JsonObject[]; clusters: JsonObject[] } {
  const seconds = (timeMs: number): string => `${timeMs / 1000}s`;
  const listeners = COMBINATIONS.map(({ name, protocol, fault }, i) => {
    const log = accessLog(`${name}|%RESPONSE_FLAGS%`);
    if (protocol === 'tcp') return tcpListener(`${own}${i}`, `c${own}${i}`, { tcp: { idle_timeout: seconds(timeoutMs), ...log } });
    const timeout = seconds(fault.name.startsWith('hangs') ? timeoutMs : PATIENCE_MS);
    return httpListener(`${own}${i}`, `c${own}${i}`, {
      routes: [{ match: { prefix: '/' }, route: { cluster: `c${own}${i}`, timeout } }],
      manager: log,
    });
  });
  const clusters = COMBINATIONS.map(({ protocol, isTls }, i) => {
    const alpn = protocol === 'h2' ? { alpn_protocols: ['h2'] } : {};
    const validation = { validation_context: { trusted_ca: { inline_string: certificates.root } } };
    return cluster(`c${own}${i}`, origins[i]?.port ?? 0, {
      connect_timeout: seconds(connectMs),
      ...(protocol === 'h2' ? httpOptions({ http2_protocol_options: {} }) : {}),
      ...(isTls ? tlsSocket('Upstream', { ...validation, ...alpn }) : {}),
    });
  });
  return { listeners, clusters };
}

async function overHttp(version: 'h1' | 'h2', port: number): Promise<string> {
  const client = await connectClient(version, { port, root: undefined });
  try {
    const call = client.open({ method: 'GET', path: '/' });
    call.body.end();
    const answer = await call.answer;
    const body = await digestOf(answer.body).then(
      () => 'whole',
      () => 'cut',
    );
    return `${answer.status} ${body}`;
  } finally {
    client.close();
  }
}

async function overTcp(port: number): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let received = '';
  let end = 'end';
  socket.on('data', (bytes: Buffer) => (received += bytes.toString('latin1')));
  socket.on('error', () => (end = 'reset'));
  socket.write('hello');
  await once(socket, 'close').catch(() => {});
  return `${JSON.stringify(received)} ${end}`;
}

async function flagsOf(name: string, seen: number): Promise<string> {
  for (let i = 0; i < 6000; i++) {
    const lines = readFileSync(path.join(folder, 'access.log'), { encoding: 'utf8', flag: 'a+' })
      .split('\n')
      .filter((line) => line.startsWith(`${name}|`));
    if (lines.length > seen) return lines[seen]?.slice(name.length + 1) ?? '';
    await sleep(10);
  }
  return 'not logged';
}

/** What each combination came to, in one round. */
async function round(number: number): Promise<ReadonlyMap<string, string>> {
  const outcomes = await Promise.all(
    COMBINATIONS.map(async ({ name, protocol }, i): Promise<readonly [string, string]> => {
      const port = ports.get(`${number === 0 ? JUDGED.name : QUICK.name}${i}`) ?? 0;
      const came = protocol === 'tcp' ? await overTcp(port) : await overHttp(protocol, port);
      return [name, `${came} ${await flagsOf(name, number)}`];
    }),
  );
  for (const origin of origins) origin.dropAll();
  return new Map(outcomes);
}

const admin = async (call: string): Promise<string> => (await ask({ socketPath: path.join(folder, 'admin.sock') }, call)).text;

/** Gauges of what is under way, each with its value, those of nothing left out. */
async function underWay(): Promise<readonly string[]> {
  return (await admin('/stats'))
    .split('\n')
    .filter(
      (line) => /^(?:cluster|http\.[fl]\d+|tcp\.[fl]\d+|listener)\..*(?:active|buffered): [1-9]/.test(line) && !line.includes('admin'),
    );
}

/** What lives in this process, the test's own things included. */
const KINDS = new Set(['TCPWRAP', 'TLSWRAP', 'PIPEWRAP', 'TCPCONNECTWRAP', 'WRITEWRAP', 'SHUTDOWNWRAP', 'Timeout', 'GETADDRINFOREQWRAP']);
const alive = new Map<number, string>();
const hook = createHook({
  init: (id, kind) => void (KINDS.has(kind) && alive.set(id, kind)),
  destroy: (id) => void alive.delete(id),
});

function living(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of alive.values()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function collectAll(): number {
  v8.setFlagsFromString('--expose-gc');
  const collect: unknown = vm.runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Waits for what closing takes, and counts. */
async function settled(): Promise<{ bytes: number; things: Readonly<Record<string, number>>; timers: number }> {
  for (let i = 0; i < 3000 && (await underWay()).length > 0; i++) await sleep(20);
  await sleep(300);
  const bytes = collectAll();
  await sleep(50);
  return { bytes, things: living(), timers: timersOf(systemClock).size };
}

before(async () => {
  hook.enable();
  for (const each of COMBINATIONS) origins.push(await startOrigin(each));
  const file = path.join(folder, 'bootstrap.json');
  const [judged, quick] = [resources(JUDGED), resources(QUICK)];
  const static_resources = {
    listeners: [...judged.listeners, ...quick.listeners],
    clusters: [...judged.clusters, ...quick.clusters],
  };
  const address = { pipe: { path: path.join(folder, 'admin.sock') } };
  writeFileSync(file, JSON.stringify({ node: { id: 'faults' }, admin: { address }, static_resources }));
  const { bootstrap } = await loadBootstrap(file);
  proxy = await startProxy({ bootstrap, log: createLog(() => {}, Date.now, 'off'), version: 'test', drainMs: 0 });
  await proxy.ready;
  for (const [, name = '', port] of (await admin('/listeners')).matchAll(/^([fl]\d+)::.*:(\d+)$/gm)) ports.set(name, Number(port));
});

after(async () => {
  hook.disable();
  await proxy.close();
  for (const origin of origins) await origin.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('an upstream', () => {
  let outcomes: ReadonlyMap<string, string> = new Map();
  before(async () => {
    outcomes = await round(0);
  });
  for (const { name, want } of COMBINATIONS) test(name, () => assert.equal(outcomes.get(name), want));
});

test('no fault leaves a socket, a timer or memory behind', async (t) => {
  for (let i = 1; i <= WARM_ROUNDS; i++) await round(i);
  const first = await settled();
  for (let i = WARM_ROUNDS + 1; i <= WARM_ROUNDS + ROUNDS; i++) await round(i);
  let last = await settled();
  // what closes late is waited for
  for (let i = 0; i < 40 && (!isDeepStrictEqual(last.things, first.things) || last.timers !== first.timers); i++) last = await settled();
  t.diagnostic(
    `${ROUNDS * COMBINATIONS.length} faults: ${last.bytes - first.bytes} bytes, ${JSON.stringify(last.things)}, ${last.timers} timers`,
  );
  assert.deepEqual(await underWay(), []);
  assert.deepEqual(last.things, first.things);
  assert.equal(last.timers, first.timers);
  assert.ok(last.bytes - first.bytes < GROWTH_BYTES_MAX, `${last.bytes - first.bytes} bytes are kept`);
});
