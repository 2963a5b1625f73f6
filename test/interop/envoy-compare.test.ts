/** The proxy answers as Envoy does: one bootstrap, one table of requests, two proxies, the same observations. */
import assert from 'node:assert/strict';
import os from 'node:os';
import { after, before, describe, test } from 'node:test';
import type { Case } from './compare/case.ts';
import { CASES } from './compare/cases.ts';
import { type Answer, talk } from './compare/client.ts';
import type { Seen } from './compare/origin.ts';
import { type Command, envoyCommand, type Proxy, startProxy, TULLE } from './compare/proxies.ts';
import { envoyBinary, envoyMissing } from './envoy-binary.ts';
import { eventually } from './envoy-process.ts';

/** Fields by name; those of one name in their order. The order of different names has no meaning. */
type Fields = Readonly<Record<string, readonly string[]>>;

interface Observation {
  readonly answers: readonly object[];
  readonly connection: string;
  readonly upstream: readonly object[];
  readonly log: readonly object[];
}

/** Values that no two runs have in common. */
const RANDOM: Readonly<Record<string, RegExp>> = {
  date: /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/,
  'x-request-id': /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  'x-envoy-upstream-service-time': /^\d+$/,
  'x-forwarded-port': /^\d{4,5}$/,
};

/** Addresses of this machine: Envoy names one of them where the client came from loopback, we say what we see. */
const OWN_ADDRESSES = Object.values(os.networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));

function withoutOwn(text: string): string {
  return OWN_ADDRESSES.reduce((rest, address) => rest.replaceAll(address, '<own address>'), text).replaceAll(
    /(<own address>:)\d+/g,
    '$1<port>',
  );
}

/** A field's value without what differs between two runs, or only in letters' case that has no meaning. */
function plain(name: string, value: string): string {
  if (RANDOM[name]?.test(value) === true) return `<${name}>`;
  if (name === 'connection') return value.toLowerCase();
  // what is left of a timeout when an attempt begins, up to the next second
  if (name === 'x-envoy-expected-rq-timeout-ms') return `up to ${Math.ceil(Number(value) / 1000)} s`;
  return withoutOwn(value);
}

function readFields(lines: readonly string[]): Fields {
  const fields: Record<string, string[]> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    (fields[name] ??= []).push(plain(name, value));
  }
  return Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function answerOf({ line, fields, body, trailers, isWhole }: Answer): object {
  return { line, fields: readFields(fields), body: withoutOwn(body), trailers: readFields(trailers), isWhole };
}

function seenOf({ line, fields, body, trailers }: Seen): object {
  return { line, fields: readFields(fields), body, trailers: readFields(trailers) };
}

function isShadow({ fields }: Seen): boolean {
  return fields.some((line) => /^host:.*-shadow$/i.test(line));
}

function logOf(line: Record<string, unknown>): object {
  const { direct: _port, local: _local, ...rest } = line;
  return JSON.parse(withoutOwn(JSON.stringify(rest))) as object;
}

interface Talked {
  readonly port: number;
  readonly answers: readonly object[];
  readonly connection: string;
}

/** Requests to two clusters of equal weight: that all go to one of them happens once in 2^59 runs. */
const WEIGHTED = 60;

/** How many cases run at the same time. */
const AT_ONCE = 12;

async function runCases(proxy: Proxy): Promise<ReadonlyMap<string, Observation>> {
  const talks = new Map<string, Talked>();
  const left = CASES.values();
  const worker = async (): Promise<void> => {
    for (const each of left) {
      const { answers, connection, port } = await talk(proxy.port(each.listener), each);
      talks.set(each.name, { port, connection, answers: answers.map(answerOf) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  // one connection's lines come in order: once the last one's is there, all are
  const last = await talk(proxy.port('main'), {
    pieces: ['GET /last HTTP/1.1\r\nhost: a\r\n\r\n'],
    answers: 1,
    isHead: false,
    endsAfter: false,
  });
  const ending = `:${last.port}`;
  const lines = await eventually(
    async () => {
      const all = await proxy.log();
      return all.some(({ direct }) => String(direct).endsWith(ending)) ? all : undefined;
    },
    () => 'the access log does not have the last request',
  );
  return new Map(
    CASES.map((each) => {
      const { port, answers, connection } = talks.get(each.name) ?? { port: -1, answers: [], connection: '' };
      const local = proxy.port(each.listener);
      const own = lines.filter(
        (line) => String(line['direct']).endsWith(`:${port}`) && line['local'] === local && line['path'] !== '/probe',
      );
      // a mirrored request, whose Host says so, may come before the one that it mirrors
      const seen = proxy.origin.seen(each.name.replaceAll(' ', '-'));
      const upstream = seen.toSorted((a, b) => Number(isShadow(a)) - Number(isShadow(b))).map(seenOf);
      return [each.name, { answers, connection, upstream, log: own.map(logOf) }];
    }),
  );
}

/** Everything that was observed, one entry a value: `answers.0.fields.server.0`. */
function flatten(value: unknown, path: string, into: Map<string, unknown>): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return into.set(path, value);
  for (const [key, inner] of Object.entries(value)) flatten(inner, path === '' ? key : `${path}.${key}`, into);
  if (Array.isArray(value)) into.set(`${path}.length`, value.length);
  return into;
}

/** The paths whose values differ, with a line for people. */
function differences(ours: Observation, theirs: Observation): ReadonlyMap<string, string> {
  const a = flatten(ours, '', new Map());
  const b = flatten(theirs, '', new Map());
  const paths = [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path)).toSorted();
  const show = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200);
  return new Map(paths.map((path) => [path, `${path}: Tulle ${show(a.get(path))}, Envoy ${show(b.get(path))}`]));
}

function isRefused({ answers, connection, upstream }: Observation): boolean {
  const [first] = answers as readonly { readonly line: string }[];
  return answers.length === 1 && / [45]\d\d /.test(first?.line ?? '') && connection === 'closed' && upstream.length === 0;
}

function compare(each: Case, ours: Observation, theirs: Observation): void {
  if (each.isRefusal || each.stricter !== '') {
    assert.equal(isRefused(theirs), each.isRefusal, `Envoy: ${JSON.stringify(theirs)}`);
    assert.ok(isRefused(ours), `Tulle does not refuse it: ${JSON.stringify(ours)}`);
    return;
  }
  const found = differences(ours, theirs);
  const known = Object.keys(each.differs);
  const isBelow = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}.`);
  const unknown = [...found].filter(([path]) => !known.some((prefix) => isBelow(path, prefix))).map(([, line]) => line);
  assert.equal(unknown.join('\n'), '');
  for (const prefix of known)
    assert.ok(
      [...found.keys()].some((path) => isBelow(path, prefix)),
      `${prefix} does not differ any more`,
    );
}

describe('Tulle and Envoy, from one bootstrap', { skip: envoyMissing, concurrency: false, timeout: 60_000 }, () => {
  const proxies: Proxy[] = [];
  let ours: ReadonlyMap<string, Observation> = new Map();
  let theirs: ReadonlyMap<string, Observation> = new Map();
  before(async () => {
    const binary = await envoyBinary();
    // each into the list by itself, so that the one that has started ends where the other cannot
    const start = async (command: Command): Promise<Proxy> => {
      const proxy = await startProxy(command);
      proxies.push(proxy);
      return proxy;
    };
    const started = await Promise.all([start(TULLE), start(envoyCommand(binary))]);
    [ours = new Map(), theirs = new Map()] = await Promise.all(started.map(runCases));
  });
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  });
  test('weights are shares of requests', async () => {
    for (const proxy of proxies) {
      const parts = new Map<string, number>();
      const script = {
        pieces: ['GET /weighted HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'],
        answers: 1,
        isHead: false,
        endsAfter: false,
      };
      for (let i = 0; i < WEIGHTED; i++) {
        const { answers } = await talk(proxy.port('main'), script);
        const part = answers[0]?.fields.find((line) => line.startsWith('x-part:')) ?? '';
        parts.set(part, (parts.get(part) ?? 0) + 1);
      }
      assert.deepEqual([...parts.keys()].toSorted(), ['x-part: a', 'x-part: b']);
      assert.equal(
        [...parts.values()].reduce((sum, count) => sum + count),
        WEIGHTED,
      );
    }
  });
  for (const each of CASES) {
    test(each.name, () => {
      const [a, b] = [ours.get(each.name), theirs.get(each.name)];
      assert.ok(a !== undefined && b !== undefined && b.answers.length + b.log.length > 0, 'not observed');
      compare(each, a, b);
    });
  }
});
