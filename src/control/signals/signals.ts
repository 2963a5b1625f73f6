/**
 * Golden signals of the mesh: proxies push what they count by Envoy's metrics service, and it is kept for a quarter of
 * an hour (`cells.ts` says in how much memory).
 */
import { fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Clock } from '../../core/clock.ts';
import { messageOf, ProtocolError } from '../../core/errors.ts';
import type { ByteMethod } from '../../net/grpc-bytes.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { TokenSubject } from '../ca/tokens.ts';
import type { Compiler, ProxyNode } from '../compiler.ts';
import { checkNode, type Caller } from '../identity.ts';
import type { Metrics } from '../metrics.ts';
import { Cells } from './cells.ts';
import { Feed, type FeedCounts } from './feed.ts';
import { readMetrics } from './metric-bytes.ts';

/** The method that proxies call: `/package.Service/Method`. */
export const STREAM_METRICS = '/envoy.service.metrics.v3.MetricsService/StreamMetrics';
/** An empty StreamMetricsResponse. */
const RESPONSE = new Uint8Array(0);

/** What is kept, and who adds to it. */
export interface Signals {
  readonly cells: Cells;
  readonly counts: FeedCounts & { pushes: number; bytes: number; streams: number };
}

/** Empty signals, with metrics of how they fill. */
export function createSignals(clock: Clock, metrics: Metrics): Signals {
  const cells = new Cells(clock);
  const counts = { series: 0, lost: 0, pushes: 0, bytes: 0, streams: 0 };
  metrics.gauge('tulle_signals_streams', 'Proxies that push metrics.', () => counts.streams);
  metrics.gauge('tulle_signals_cells', 'Pairs of workloads, services and routes of which signals are kept.', () => cells.size);
  metrics.gauge('tulle_signals_memory_bytes', 'Memory of the signals that are kept; at most 64 MiB.', () => cells.bytes);
  metrics.gauge('tulle_signals_series', 'Series that proxies have told of in their streams.', () => counts.series);
  metrics.total('tulle_signals_lost_total', 'Values that there was no room for.', () => counts.lost);
  metrics.total('tulle_signals_pushes_total', 'Messages of metrics that came.', () => counts.pushes);
  metrics.total('tulle_signals_received_bytes_total', 'Bytes of metrics that came.', () => counts.bytes);
  return { cells, counts };
}

/** What serving the method needs. */
interface ServeOptions {
  readonly signals: Signals;
  readonly compiler: Pick<Compiler, 'proxyNodeOf'>;
  /** Throws ConnectError for a credential that is not good. */
  readonly identify: (caller: Caller) => TokenSubject | undefined;
}

function nodeOf(bytes: Uint8Array, compiler: ServeOptions['compiler']): ProxyNode {
  try {
    return compiler.proxyNodeOf(fromBinary(NodeSchema, bytes));
  } catch (error) {
    throw new ConnectError(`the node cannot be read: ${messageOf(error)}`, Code.InvalidArgument);
  }
}

function checked(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) throw new ConnectError(error.message, Code.InvalidArgument);
    throw error;
  }
}

/** Serves streams of metrics to whoever shows who he is: what a stranger says would be believed by everybody. */
export function serveMetrics({ signals, compiler, identify }: ServeOptions): ByteMethod {
  return (stream) => {
    const subject = identify(stream);
    if (subject === undefined) throw new ConnectError('metrics need a token or a certificate of the mesh', Code.Unauthenticated);
    let feed: Feed | undefined;
    const { cells, counts } = signals;
    counts.streams++;
    return {
      receive(bytes) {
        counts.pushes++;
        counts.bytes += bytes.length;
        cells.sweep();
        const known = (): Feed => {
          if (feed === undefined) throw new ConnectError('the first message of a stream must carry the node', Code.InvalidArgument);
          return feed;
        };
        checked(() =>
          readMetrics(bytes, {
            node(node) {
              const proxy = nodeOf(node, compiler);
              checkNode(proxy, subject);
              feed ??= new Feed(cells, counts, { tellsDenials: proxy.userAgent === 'tulle', isGateway: proxy.role === 'router' });
            },
            counter: (series, value) => known().counter(series, value),
            histogram: (series, ...rest) => known().histogram(series, ...rest),
          }),
        );
      },
      close() {
        counts.streams--;
        feed?.close();
        stream.send([RESPONSE]);
      },
    };
  };
}
