/** OpenTelemetry's own receivers under test: what they took, as OTLP's JSON. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { collectorFolder } from './go-peers.ts';

type Attributes = readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: Attributes;
}

interface Line {
  readonly receiver: string;
  readonly data: {
    readonly resourceMetrics?: readonly {
      readonly resource?: { readonly attributes?: Attributes };
      readonly scopeMetrics: readonly { readonly metrics: readonly OtlpMetric[] }[];
    }[];
    readonly resourceSpans?: readonly {
      readonly resource?: { readonly attributes?: Attributes };
      readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
    }[];
    readonly resourceLogs?: readonly {
      readonly resource?: { readonly attributes?: Attributes };
      readonly scopeLogs: readonly { readonly logRecords: readonly OtlpLog[] }[];
    }[];
  };
}

interface OtlpPoint {
  readonly attributes?: Attributes;
  /** Of a sum or a gauge; 64-bit integers are text. */
  readonly asInt?: string;
  readonly asDouble?: number;
  /** Of a histogram. */
  readonly count?: string;
  readonly bucketCounts?: readonly string[];
  readonly explicitBounds?: readonly number[];
}

interface OtlpMetric {
  readonly name: string;
  readonly sum?: { readonly dataPoints: readonly OtlpPoint[]; readonly isMonotonic?: boolean; readonly aggregationTemporality?: number };
  readonly gauge?: { readonly dataPoints: readonly OtlpPoint[] };
  readonly histogram?: { readonly dataPoints: readonly OtlpPoint[]; readonly aggregationTemporality?: number };
}

/** One value of one series as a receiver understood it. */
export interface ReceivedPoint {
  /** `grpc` or `http`. */
  readonly receiver: string;
  readonly name: string;
  readonly kind: 'sum' | 'gauge' | 'histogram';
  /** Of sums and histograms: since the beginning, or since the message before. */
  readonly temporality: 'cumulative' | 'delta' | '';
  readonly labels: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  /** A histogram's is its count. */
  readonly value: number;
  readonly buckets: readonly number[];
  readonly bounds: readonly number[];
}

interface OtlpLog {
  readonly timeUnixNano: string;
  readonly body?: { readonly stringValue?: string };
  readonly attributes?: Attributes;
  readonly traceId?: string;
  readonly spanId?: string;
}

/** A span as a receiver understood it. */
export interface ReceivedSpan {
  /** `grpc`, `http` or `zipkin`. */
  readonly receiver: string;
  /** `service.name` of the resource. */
  readonly service: string;
  readonly name: string;
  readonly kind: 'server' | 'client' | 'other';
  readonly traceId: string;
  readonly spanId: string;
  /** '' without. */
  readonly parentId: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly tags: Readonly<Record<string, string>>;
}

interface ReceivedLog {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  readonly traceId: string;
  readonly spanId: string;
}

export interface Collector {
  /** `host:port` of each receiver. */
  readonly grpc: string;
  readonly http: string;
  readonly zipkin: string;
  spans(): ReceivedSpan[];
  logs(): ReceivedLog[];
  points(): ReceivedPoint[];
  stop(): Promise<void>;
}

const KINDS: Readonly<Record<number, ReceivedSpan['kind']>> = { 2: 'server', 3: 'client' };

function texts(attributes: Attributes = []): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? JSON.stringify(value)]));
}

function spansOf({ receiver, data }: Line): ReceivedSpan[] {
  return (data.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, kind, startTimeUnixNano, endTimeUnixNano, attributes }) => ({
        receiver,
        service: texts(resource?.attributes)['service.name'] ?? '',
        name,
        kind: KINDS[kind] ?? 'other',
        traceId,
        spanId,
        parentId: parentSpanId ?? '',
        start: BigInt(startTimeUnixNano),
        end: BigInt(endTimeUnixNano),
        tags: texts(attributes),
      })),
    ),
  );
}

function logsOf({ data }: Line): ReceivedLog[] {
  return (data.resourceLogs ?? []).flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map(({ body, attributes, traceId, spanId }) => ({
        body: body?.stringValue ?? '',
        attributes: texts(attributes),
        resource: texts(resource?.attributes),
        traceId: traceId ?? '',
        spanId: spanId ?? '',
      })),
    ),
  );
}

const TEMPORALITIES: Readonly<Record<number, ReceivedPoint['temporality']>> = { 1: 'delta', 2: 'cumulative' };

function pointsOf({ receiver, data }: Line): ReceivedPoint[] {
  return (data.resourceMetrics ?? []).flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ name, sum, gauge, histogram }) => {
        const kind = sum !== undefined ? 'sum' : histogram !== undefined ? 'histogram' : 'gauge';
        const temporality = TEMPORALITIES[(sum ?? histogram)?.aggregationTemporality ?? 0] ?? '';
        return ((sum ?? histogram ?? gauge)?.dataPoints ?? []).map(
          ({ attributes, asInt, asDouble, count, bucketCounts = [], explicitBounds = [] }): ReceivedPoint => ({
            receiver,
            name,
            kind,
            temporality,
            labels: texts(attributes),
            resource: texts(resource?.attributes),
            value: Number(count ?? asInt ?? asDouble ?? 0),
            buckets: bucketCounts.map(Number),
            bounds: explicitBounds,
          }),
        );
      }),
    ),
  );
}

/** Starts the receivers; `collectorMissing` says where they cannot be had. */
export async function startCollector(): Promise<Collector> {
  const child = spawn(path.join(collectorFolder, 'collector'), { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines: Line[] = [];
  const addresses = Promise.withResolvers<Pick<Collector, 'grpc' | 'http' | 'zipkin'>>();
  let isFirst = true;
  createInterface({ input: child.stdout }).on('line', (text) => {
    const parsed: unknown = JSON.parse(text);
    if (!isFirst) return void lines.push(parsed as Line);
    isFirst = false;
    addresses.resolve(parsed as Collector);
  });
  child.once('exit', () => addresses.reject(new Error('the collector has ended')));
  return {
    ...(await addresses.promise),
    spans: () => lines.flatMap(spansOf),
    logs: () => lines.flatMap(logsOf),
    points: () => lines.flatMap(pointsOf),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
