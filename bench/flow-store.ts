/**
 * What flow records cost: a proxy's decision for each request, an entry, the control plane's work and memory for each
 * one that it keeps, and a look through all of them. `node --expose-gc bench/flow-store.ts [seconds]`: a flood of
 * 10,000 a second for so long (180), as fast as it goes.
 */
import { setImmediate } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FLOW_LOG } from '../src/core/flow-log.ts';
import { meshOf } from '../src/compile/testing/mesh.ts';
import { meshNames } from '../src/control/flows/mesh-names.ts';
import { NO_FILTER } from '../src/control/flows/query.ts';
import { httpFlow } from '../src/control/flows/read-entry.ts';
import { FlowStore } from '../src/control/flows/store.ts';
import { httpFlowEntry } from '../src/proxy/flows/flow-entry.ts';
import { FlowRates } from '../src/proxy/flows/flow-rates.ts';
import type { AlsSettings } from '../src/proxy/telemetry/log-service/als.ts';
import { fakeConnection, fakeInfo, fakeRequest, fakeTls } from '../src/proxy/telemetry/testing/fake-stream.ts';
import { HTTPAccessLogEntrySchema } from '../src/xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import { StreamAccessLogsMessageSchema } from '../src/xds/gen/envoy/service/accesslog/v3/als_pb.ts';

const PER_SECOND = 10_000;
const BATCH = 100;
const MIB = 1024 * 1024;
const seconds = Number(process.argv[2] ?? 180);

const ROUTE = '{"kind":"VirtualService","namespace":"shop","name":"payments","file":"traffic.yaml","line":12,"field":"spec.http[0]"}';

const settings: AlsSettings = {
  kind: 'http',
  logName: FLOW_LOG,
  target: { kind: 'grpc', cluster: 'xds', authority: '', timeoutMs: 0, metadata: [] },
  flushIntervalMs: 0,
  bufferBytes: 0,
  filterState: [],
  tags: [
    ['reporter', 'destination'],
    ['cluster', 'inbound|8080||'],
    ['route', ROUTE],
    ['peer', 'web;shop'],
    ['trace', 'f'.repeat(32)],
  ].map(([name = '', value = '']) => ({ name, text: () => value })),
  requestFields: [],
  responseFields: [],
  trailerFields: [],
};

const hex = (value: number, digits: number): string => (Math.imul(value + 1, 2_654_435_761) >>> 0).toString(16).padStart(digits, '0');

/** Requests of 500 workloads for 10,000 paths, each with an id and a port of its own. */
function infoOf(i: number): ReturnType<typeof fakeInfo> {
  const tls = fakeTls(`spiffe://cluster.local/ns/shop/sa/web-${i % 500}`);
  const connection = fakeConnection({ tls, remote: { host: `10.0.${i % 2}.${i % 250}`, port: 1024 + (i % 60_000) } });
  const request = fakeRequest(
    { path: `/items/${i % 10_000}?page=${i % 7}` },
    { 'x-request-id': `${hex(i, 8)}-0000-4000-8000-${hex(i * 7, 12)}` },
  );
  return fakeInfo({ connection, request, responseCode: 200, endMs: 1000 + i / 20, clusterName: 'inbound|8080||', routeName: 'default' });
}

/** CPU time, in µs: others may use the machine too. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function timed(name: string, count: number, run: (i: number) => void): void {
  for (let i = 0; i < count / 10; i++) run(i);
  const start = cpuMicros();
  for (let i = 0; i < count; i++) run(i);
  console.log(`${name.padEnd(52)}${((cpuMicros() - start) / count).toFixed(3)} µs`);
}

const infos = Array.from({ length: 20_000 }, (_, i) => infoOf(i));
const info = (i: number): (typeof infos)[number] => infos[i % infos.length] ?? infoOf(i);
const rates = new FlowRates(1);
timed('deciding about a request, at 20,000 a second', 2_000_000, (i) => {
  const own = info(i);
  own.endMs = 1000 + i / 20;
  rates.takes(own);
});
timed('an entry', 50_000, (i) => void toBinary(HTTPAccessLogEntrySchema, httpFlowEntry(info(i), settings, [])));

const batches = Array.from({ length: 200 }, (_, batch) =>
  toBinary(
    StreamAccessLogsMessageSchema,
    create(StreamAccessLogsMessageSchema, {
      logEntries: {
        case: 'httpLogs',
        value: { logEntry: Array.from({ length: BATCH }, (_each, i) => httpFlowEntry(info(batch * BATCH + i), settings, [])) },
      },
    }),
  ),
);

/** Buffers are given back a while after their owners. */
const gc = async (): Promise<NodeJS.MemoryUsage> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await setImmediate();
  }
  return process.memoryUsage();
};
const memory = ({ heapUsed, arrayBuffers }: NodeJS.MemoryUsage): number => heapUsed + arrayBuffers;

const store = new FlowStore();
const names = meshNames(meshOf());
const before = memory(await gc());
let peak = 0;
let taken = 0;
let collecting = 0;
const start = cpuMicros();
for (let second = 0; second < seconds; second++) {
  for (let n = 0; n < PER_SECOND / BATCH; n++) {
    const message = fromBinary(
      StreamAccessLogsMessageSchema,
      batches[(second * (PER_SECOND / BATCH) + n) % batches.length] ?? new Uint8Array(),
    );
    const context = {
      proxy: `sidecar~10.0.0.${n}~payments-${n}.shop~shop.svc.cluster.local`,
      isGateway: false,
      own: { namespace: 'shop', workload: `payments-${n}` },
      node: () => ({ labels: {}, ports: [] }),
      ownPrincipal: 'spiffe://cluster.local/ns/shop/sa/payments',
      receivedMs: second * 1000 + n * 10,
      names,
    };
    if (message.logEntries.case !== 'httpLogs') continue;
    for (const entry of message.logEntries.value.logEntry) {
      const flow = httpFlow(entry, context);
      // ids that repeat would cost less
      if (flow !== undefined) store.add({ ...flow, id: `${hex(taken++, 8)}-0000-4000-8000-000000000000` });
    }
  }
  if (second % 10 !== 9) continue;
  const pause = cpuMicros();
  peak = Math.max(peak, memory(await gc()) - before);
  collecting += cpuMicros() - pause;
}
const micros = cpuMicros() - start - collecting;
const kept = store.kept();
const each = micros / taken;
console.log(
  `${'taking in a flow'.padEnd(52)}${each.toFixed(1)} µs (${((each * PER_SECOND) / 1e4).toFixed(0)}% of a core at 10,000 a second)`,
);
console.log(
  `${`kept of ${taken}, within a bound of ${kept.bytesMax / MIB} MiB`.padEnd(52)}${kept.flows}, counted as ${(kept.bytes / MIB).toFixed(1)} MiB`,
);
console.log(`${'dropped'.padEnd(52)}${store.lostSoFar().aged}`);
console.log(`${'memory of it, heap and buffers, at most'.padEnd(52)}${(peak / MIB).toFixed(1)} MiB`);
const queryMs = performance.now();
await store.query({ ...NO_FILTER, service: 'nobody', sinceMs: 0, untilMs: Infinity, limit: 1000 }, () => setImmediate());
console.log(`${'looking through all of them'.padEnd(52)}${(performance.now() - queryMs).toFixed(0)} ms`);
