/** Runs a topic: one bootstrap, one table of cases, two proxies, the same observations. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../../src/core/testing/eventually.ts';
import { envoyBinary, envoyMissing } from '../../interop/envoy-binary.ts';
import { LAST_LISTENER, type Setup, type World } from './bootstrap.ts';
import { type Case, type Talk, tagOf } from './case.ts';
import { createCertificates } from './certificates.ts';
import { talk } from './h1-client.ts';
import { differences, isRefused, observe, type Observation, valuesOf } from './observe.ts';
import type { Seen } from './origin.ts';
import { type Command, envoyCommand, type Proxy, type Servers, startProxy, TULLE } from './proxies.ts';

export interface Topic {
  /** What it is about, as the test's name. */
  readonly name: string;
  /** The bootstrap, made once for each proxy. */
  readonly setup: (world: World) => Setup;
  /** Names are unique. */
  readonly cases: readonly Case[];
  /** Starts servers of its own, once for each proxy. */
  readonly servers?: () => Promise<Servers>;
  /** Further tests, given the proxies while they run. */
  readonly more?: (proxies: () => readonly Proxy[]) => unknown;
}

/** How many cases run at the same time. */
const AT_ONCE = 12;

/** Waits for the access log's lines of everything up to now: they come in order, and once the last one's is there, all are. */
async function wholeLog(proxy: Proxy): Promise<readonly Record<string, unknown>[]> {
  const pieces = ['GET /last HTTP/1.1\r\nhost: probe\r\n\r\n'];
  const target = proxy.target(LAST_LISTENER);
  const last = await talk(target, { pieces, answers: 1, isHead: false, endsAfter: false });
  // a client before may have had the same port, towards another listener
  const isLast = ({ direct, local }: Record<string, unknown>): boolean => String(direct).endsWith(`:${last.port}`) && local === target.port;
  return eventually(
    async () => {
      const all = await proxy.log();
      return all.some(isLast) ? all : undefined;
    },
    () => 'the access log does not have the last request',
  );
}

async function runCases(proxy: Proxy, cases: readonly Case[]): Promise<ReadonlyMap<string, Observation>> {
  const talks = new Map<string, Talk>();
  const left = cases.values();
  const worker = async (): Promise<void> => {
    for (const each of left) {
      const seen = (): readonly Seen[] => proxy.origin.seen(tagOf(each.name));
      talks.set(each.name, await each.talk({ ...proxy.target(each.listener), seen }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const lines = await wholeLog(proxy);
  const tags = new Set(cases.map(({ name }) => tagOf(name)));
  return new Map(
    cases.map((each) => {
      const said = talks.get(each.name) ?? { port: -1, answers: [], connection: '' };
      const local = proxy.target(each.listener).port;
      // a port is used again as soon as it is free: where the request says whose it is, that counts too
      const isOfAnother = (tag: unknown): boolean => typeof tag === 'string' && tag !== tagOf(each.name) && tags.has(tag);
      const own = lines.filter(
        (line) =>
          String(line['direct']).endsWith(`:${said.port}`) &&
          line['local'] === local &&
          line['path'] !== '/probe' &&
          !isOfAnother(line['case']),
      );
      return [each.name, observe(said, proxy.origin.seen(tagOf(each.name)), own)];
    }),
  );
}

const isBelow = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}.`);

/** Envoy did what the case is there to show. */
function checkExpected(each: Case, theirs: Observation): void {
  const values = valuesOf(theirs);
  const found = Object.fromEntries(Object.keys(each.expects).map((path) => [path, values.get(path)]));
  assert.deepEqual(found, each.expects, `Envoy: ${JSON.stringify(theirs)}`);
}

function compare(each: Case, ours: Observation, theirs: Observation): void {
  checkExpected(each, theirs);
  if (each.isRefusal || each.stricter !== undefined) {
    assert.equal(isRefused(theirs), each.isRefusal, `Envoy: ${JSON.stringify(theirs)}`);
    assert.ok(isRefused(ours), `Tulle does not refuse it: ${JSON.stringify(ours)}`);
    return;
  }
  const found = differences(ours, theirs);
  const known = Object.keys(each.differs);
  const unknown = [...found].filter(([path]) => !known.some((prefix) => isBelow(path, prefix))).map(([, line]) => line);
  assert.equal(unknown.join('\n'), '');
  for (const prefix of known) {
    const differs = [...found.keys()].some((path) => isBelow(path, prefix));
    assert.ok(differs, `${prefix} does not differ any more`);
  }
}

function failureOf(each: Case, ours: Observation, theirs: Observation): unknown {
  try {
    compare(each, ours, theirs);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** How often a case is run again, by itself, that has differed: a stall of the machine does not come again, a difference does. */
const MORE_TRIES = process.env['TULLE_ONCE'] === undefined ? 2 : 0;

/** Compares; runs the case again where that fails. Throws the first failure where none of the further runs is right. */
async function compareAgain(each: Case, ours: Observation, theirs: Observation, proxies: readonly Proxy[]): Promise<string> {
  const failure = failureOf(each, ours, theirs);
  if (failure === undefined) return '';
  for (let tries = 0; tries < MORE_TRIES; tries++) {
    for (const proxy of proxies) proxy.origin.forget(tagOf(each.name));
    const [again, others] = await Promise.all(proxies.map(async (proxy) => (await runCases(proxy, [each])).get(each.name)));
    if (again !== undefined && others !== undefined && failureOf(each, again, others) === undefined)
      return `has differed once, and not again: ${failure instanceof Error ? failure.message : ''}`;
  }
  throw failure;
}

/** Which cases are run and shown, for work on them. */
const ONLY = process.env['TULLE_SHOW'];

/** Defines the topic's tests. `TULLE_SHOW=<expression>` runs the cases whose name it matches, and prints what was observed. */
export function compareTopic(topic: Topic): void {
  const { name, setup, servers, more } = topic;
  assert.equal(new Set(topic.cases.map((each) => each.name)).size, topic.cases.length, 'two cases have one name');
  const cases = topic.cases.filter((each) => ONLY === undefined || new RegExp(ONLY).test(each.name));
  describe(`Tulle and Envoy: ${name}`, { skip: envoyMissing, concurrency: false, timeout: 180_000 }, () => {
    const proxies: Proxy[] = [];
    let ours: ReadonlyMap<string, Observation> = new Map();
    let theirs: ReadonlyMap<string, Observation> = new Map();
    before(async () => {
      const certificates = createCertificates();
      const binary = await envoyBinary();
      // each into the list by itself, so that the one that has started ends where the other cannot
      const start = async (command: Command): Promise<Proxy> => {
        const proxy = await startProxy(command, certificates, setup, servers);
        proxies.push(proxy);
        return proxy;
      };
      const envoy = envoyCommand(binary);
      const started = await Promise.all([start(process.env['TULLE_BIN'] === 'envoy' ? envoy : TULLE), start(envoy)]);
      // Tulle's first, whichever was quicker
      proxies.splice(0, proxies.length, ...started);
      [ours = new Map(), theirs = new Map()] = await Promise.all(started.map((proxy) => runCases(proxy, cases)));
    });
    after(async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    });
    more?.(() => proxies);
    for (const each of cases) {
      test(each.name, async (t) => {
        const [a, b] = [ours.get(each.name), theirs.get(each.name)];
        if (ONLY !== undefined) console.log(JSON.stringify({ tulle: a, envoy: b }, undefined, 2));
        assert.ok(a !== undefined && b !== undefined && b.answers.length + b.log.length > 0, 'not observed');
        const remark = await compareAgain(each, a, b, proxies);
        if (remark !== '') t.diagnostic(remark);
      });
    }
  });
}
