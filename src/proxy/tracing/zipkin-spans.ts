/** Spans as Zipkin's JSON of version 2. Source: openzipkin/zipkin-api, zipkin2-api.yaml; which fields are sent, Envoy. */
import { Buffer } from 'node:buffer';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import type { HttpTarget } from './collector-target.ts';
import { sendExport } from './collector-target.ts';
import type { Span } from './span.ts';
import type { SpanSink } from './span-export.ts';
import type { TracerScope } from './tracer-kinds.ts';

/** The status by which a collector takes spans; after another they count as dropped. */
const ACCEPTED = 202;

const OPENING = Buffer.from('[');
const CLOSING = Buffer.from(']');

/** The machine's own address, as Envoy finds it: the first that is not of loopback. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

/** The address in a sidecar's id, `sidecar~<address>~...`, else the machine's. */
function addressOf({ node }: TracerScope): string {
  const [, named = ''] = node.id.split('~');
  return net.isIP(named) === 0 ? ownAddress() : named;
}

const micros = (ms: number): number => Math.round(ms * 1000);

interface Endpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port: number;
}

function encode(span: Span, localEndpoint: Endpoint): object {
  const tags = Object.fromEntries([...span.tags].filter(([, text]) => text !== ''));
  const events = span.events.map(({ name, atMs }) => ({ timestamp: micros(atMs), value: name }));
  return {
    traceId: span.traceId,
    ...(span.parentId !== '' && { parentId: span.parentId }),
    id: span.spanId,
    ...(span.name !== '' && { name: span.name }),
    kind: span.kind === 'client' ? 'CLIENT' : 'SERVER',
    ...(span.isShared && { shared: true }),
    timestamp: micros(span.startMs),
    duration: Math.max(1, micros(span.endMs - span.startMs)),
    localEndpoint,
    annotations: [...events, { timestamp: micros(span.endMs), value: span.kind === 'client' ? 'cr' : 'ss' }],
    ...(Object.keys(tags).length > 0 && { tags }),
  };
}

/** Where a Zipkin gets its spans: a list of JSON, of which each span is encoded with the comma before it. */
export function zipkinSink(target: HttpTarget, scope: TracerScope): SpanSink {
  const stats = scope.stats.scope('tracing.zipkin');
  const [sent, dropped, failed] = ['reports_sent', 'reports_dropped', 'reports_failed'].map((name) => stats.counter(name));
  const skipped = stats.counter('reports_skipped_no_cluster');
  const address = addressOf(scope);
  const endpoint = {
    ...(scope.node.cluster !== '' && { serviceName: scope.node.cluster }),
    ...(net.isIPv6(address) ? { ipv6: address } : { ipv4: address }),
    port: 0,
  };
  return {
    encode: (span) => Buffer.from(`,${JSON.stringify(encode(span, endpoint))}`),
    send(spans, _, onDone) {
      const body = Buffer.concat([OPENING, spans.subarray(1), CLOSING]);
      sendExport(target, { method: '', body, contentType: 'application/json', userAgent: '' }, scope, (status, reason) => {
        const counter = reason === 'no cluster' ? skipped : status === 0 ? failed : status === ACCEPTED ? sent : dropped;
        if (counter !== undefined) counter.value++;
        onDone(status === ACCEPTED, 0);
      });
    },
  };
}
