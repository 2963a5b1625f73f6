import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Flow, FLOW_PROTOCOLS, REPORTERS, type Verdict, VERDICTS } from '../../model/flow.ts';
import { NO_FILTER, readQuery } from './query.ts';
import { FlowRing } from './ring.ts';
import { FlowStore } from './store.ts';
import { flowOf, requestOf } from '../../model/testing/flow.ts';

const MIB = 1024 * 1024;
const all = { ...NO_FILTER, sinceMs: 0, untilMs: Infinity, limit: 1000 };
const now = (): Promise<void> => Promise.resolve();

test('what is kept reads as it was', async () => {
  const policy = { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'no', file: 'a.yaml', line: 12, field: 'spec.rules[0]' };
  const end = { namespace: '', workload: '', address: '', principal: '' };
  const flows: Flow[] = [
    flowOf(),
    flowOf({ verdict: 'denied', policy, routeOrigin: policy, traceId: 'f'.repeat(32), receivedMs: 2001 }),
    flowOf({ verdict: 'failed', flags: ['UF', 'URX'], details: 'a{b}', receivedMs: 2002, isMutualTls: false, reporter: 'gateway' }),
    flowOf({ request: requestOf({ status: 0, grpcStatus: 0, headers: { 'x-user': 'ä"' } }), protocol: 'grpc', receivedMs: 2003 }),
    flowOf({ source: { ...end, address: '[::1]:65535' }, destination: { ...end, address: '/run/x.sock' }, receivedMs: 2004 }),
    flowOf({ bytesSent: 2 ** 52, bytesReceived: 127, startMs: 1.5, durationMs: 0, reporter: 'destination', receivedMs: 2005 }),
  ];
  const { request: _, upstreamMs: __, ...tcp } = flowOf({ protocol: 'tcp', id: '17', receivedMs: 2006, isOpen: true });
  const store = new FlowStore();
  for (const flow of [...flows, tcp]) store.add(flow);
  assert.deepEqual(
    (await store.query(all, now)).toSorted((a, b) => a.receivedMs - b.receivedMs),
    [...flows, tcp],
  );
});

test('any flow reads as it was', () => {
  const text = fc.string({ maxLength: 60, unit: 'binary' });
  const size = fc.nat({ max: 2 ** 31 });
  const end = fc.record({
    namespace: text,
    workload: text,
    address: fc.constantFrom('', '1.2.3.4:80', ':0', 'a:99999', 'x'),
    principal: text,
  });
  const parts = fc.record({
    id: text,
    proxy: text,
    reporter: fc.constantFrom(...REPORTERS),
    protocol: fc.constantFrom(...FLOW_PROTOCOLS),
    startMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
    durationMs: size,
    source: end,
    destination: end,
    service: text,
    details: text,
    traceId: text,
    isMutualTls: fc.boolean(),
    bytesSent: size,
    request: fc.record({ method: text, authority: text, path: text, status: fc.nat({ max: 999 }), headers: fc.dictionary(text, text) }),
  });
  fc.assert(
    fc.property(parts, (some) => {
      const ring = new FlowRing('forwarded', MIB);
      // without null prototypes, and zeros below zero
      const flow: Flow = JSON.parse(JSON.stringify(flowOf(some)));
      ring.add(flow);
      assert.deepEqual(JSON.parse(JSON.stringify([...ring.read(0, Infinity)])), [[flow]]);
    }),
    { numRuns: 200 },
  );
});

test('the bound holds, whatever comes, and what is dropped is counted', () => {
  const store = new FlowStore(2 * MIB);
  let added = 0;
  for (let i = 0; i < 60_000; i++) {
    const verdict = VERDICTS[i % 3] ?? 'forwarded';
    // ids and paths that never repeat are the worst
    store.add(flowOf({ id: `${i}-0000-1111-2222`, verdict, request: requestOf({ path: `/item/${i}?page=${i}` }), receivedMs: 2000 + i }));
    added++;
    if (i % 100 === 0) assert.ok(store.kept().bytes <= 2 * MIB, `${store.kept().bytes} bytes after ${i}`);
  }
  const { flows, bytes } = store.kept();
  assert.ok(bytes > MIB, `${bytes} of 2 MiB are used`);
  assert.equal(flows + store.lostSoFar().aged, added);
});

test('a flood of ordinary flows does not push denials out', async () => {
  const store = new FlowStore(MIB);
  store.add(flowOf({ id: 'denied', verdict: 'denied' }));
  for (let i = 0; i < 20_000; i++) store.add(flowOf({ id: `${i}`, receivedMs: 3000 + i }));
  const [denied] = await store.query({ ...all, verdicts: ['denied'] }, now);
  assert.equal(denied?.id, 'denied');
  assert.ok(store.lostSoFar().aged > 0);
});

test('a record larger than a segment is not kept, but counted', () => {
  const ring = new FlowRing('forwarded', 4096);
  ring.add(flowOf({ id: 'x'.repeat(5000) }));
  assert.deepEqual([ring.count, ring.aged], [0, 1]);
});

test('the newest to come that match, in the order in which they began', async () => {
  const store = new FlowStore(8 * MIB);
  for (let i = 0; i < 10_000; i++) {
    store.add(flowOf({ id: `${i}`, verdict: i % 2 === 0 ? 'forwarded' : 'failed', receivedMs: 1000 + i, startMs: 500 + i - (i % 4) * 10 }));
  }
  let pauses = 0;
  const pause = (): Promise<void> => {
    pauses++;
    return now();
  };
  const ids = async (verdicts: readonly Verdict[] | undefined, sinceMs: number, untilMs: number, limit: number): Promise<string[]> =>
    (await store.query({ ...all, verdicts, sinceMs, untilMs, limit }, pause)).map(({ id }) => id);
  assert.deepEqual(await ids(undefined, 0, Infinity, 3), ['9999', '9998', '9997']);
  assert.deepEqual(await ids(['failed'], 0, Infinity, 2), ['9999', '9997']);
  assert.deepEqual(await ids(undefined, 1010, 1012, 10), ['11', '10', '12']);
  assert.deepEqual(await ids(undefined, 99_999, Infinity, 10), []);
  assert.equal((await ids(undefined, 0, Infinity, 100_000)).length, 10_000);
  assert.ok(pauses > 2, 'others get their turn');
});

test('who reads while flows are dropped gets none that is not his', () => {
  const ring = new FlowRing('failed', MIB);
  const fill = (from: number): void => {
    for (let i = 0; i < 20_000; i++) ring.add(flowOf({ id: `${from + i}`, receivedMs: from + i }));
  };
  fill(0);
  const reader = ring.read(0, 20_000);
  const [last] = reader.next().value?.slice(-1) ?? [];
  assert.equal(last?.id, '19999');
  fill(100_000);
  assert.deepEqual([...reader], []);
});

test('watchers get what comes until they leave', () => {
  const store = new FlowStore();
  const seen: string[] = [];
  const stop = store.watch(({ id }) => seen.push(id));
  store.add(flowOf({ id: 'a' }));
  stop();
  store.add(flowOf({ id: 'b' }));
  assert.deepEqual(seen, ['a']);
});

test('a query over nothing', async () => {
  assert.deepEqual(await new FlowStore().query(readQuery(new URLSearchParams(), 1000), now), []);
});
