/** Istio's standard metrics of TCP connections: the network filter `istio.stats`. */
import { timerMs } from '../../core/timer-limit.ts';
import { Bag, type Bagged, NOWHERE } from '../../core/bag.ts';
import { denialCounter, denialReason } from '../telemetry/denials.ts';
import { formatTcpFlags } from '../telemetry/format-connection.ts';
import { createEdges, reporterOf } from '../telemetry/istio-edges.ts';
import { ISTIO_STATS, type IstioStatsConfig, type MetricName } from '../telemetry/istio-config.ts';
import { type PeerSide, whenPeerKnown } from '../telemetry/tcp-peers.ts';
import { createOverrides, keptIn, type Overrides, type Values } from '../telemetry/istio-overrides.ts';
import type { Counter, Labels, StatsScope } from '../telemetry/stats.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { NetworkFilter } from './filter.ts';
import { observeTcp } from './tcp-observer.ts';

interface Series {
  readonly opened: Counter | undefined;
  readonly closed: Counter | undefined;
  readonly sent: Counter | undefined;
  readonly received: Counter | undefined;
}

/** A connection that is being counted: how far it has been. */
interface Open extends Bagged {
  readonly info: StreamInfo;
  readonly series: Series;
  sent: number;
  received: number;
}

function createSeries(stats: StatsScope, overrides: Overrides, labels: Labels, values: Values): Series {
  const counter = (metric: MetricName): Counter | undefined => {
    const own = overrides.labels(metric, labels, values);
    return own && stats.labelledCounter(`istio_${metric}`, own);
  };
  return {
    opened: counter('tcp_connections_opened_total'),
    closed: counter('tcp_connections_closed_total'),
    sent: counter('tcp_sent_bytes_total'),
    received: counter('tcp_received_bytes_total'),
  };
}

function add(counter: Counter | undefined, amount: number): void {
  if (counter !== undefined) counter.value += amount;
}

/** Adds what has flowed since the last time. */
function report(open: Open): void {
  const { series, info } = open;
  add(series.sent, info.bytesSent - open.sent);
  add(series.received, info.bytesReceived - open.received);
  open.sent = info.bytesSent;
  open.received = info.bytesReceived;
}

/** Connections under way, reported together by one timer that runs only while there are any. */
class Reporter {
  readonly #intervalMs: number;
  readonly #opens = new Bag<Open>();
  #timer: NodeJS.Timeout | undefined = undefined;

  /** `intervalMs` 0: nothing is reported before its end. */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  add(open: Open): void {
    this.#opens.add(open);
    if (this.#intervalMs > 0) this.#timer ??= setInterval(() => this.#opens.values().forEach(report), timerMs(this.#intervalMs)).unref();
  }

  /** The connection is over. */
  end(open: Open): void {
    this.#opens.delete(open);
    if (this.#opens.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    report(open);
    add(open.series.closed, 1);
  }
}

/** Counts opening, closing and bytes of every connection; bytes of long ones at the configured interval. */
export const istioStats = {
  ...ISTIO_STATS,
  isTerminal: false,
  create(config, { node, direction, stats, listenerMetadata }) {
    const side = config.isServerGateway ? 'destination' : reporterOf(direction);
    const edgeOf = createEdges<Map<number | string, Series>>({ ...config, node, reporter: side, series: () => new Map() });
    const peerSide: PeerSide = side === 'destination' ? 'downstream' : 'upstream';
    const overrides = createOverrides(config, { node, direction, listenerMetadata });
    const reporter = new Reporter(config.tcpReportingMs);
    const open = (info: StreamInfo): Open => {
      const edge = edgeOf(info);
      const values = overrides.evaluate(info);
      const key = values.length === 0 ? info.flags : `${info.flags} ${values.join('\u0001')}`;
      const series =
        edge.series.get(key) ??
        keptIn(edge.series, key, () => {
          const labels = { ...edge.labels, request_protocol: 'tcp', response_flags: formatTcpFlags(info.flags, 0) || '-' };
          return createSeries(stats, overrides, labels, values);
        });
      add(series.opened, 1);
      return { info, series, sent: 0, received: 0, place: NOWHERE };
    };
    return (_connection, downstream) => {
      let own: Open | undefined;
      let isOver = false;
      observeTcp(downstream, {
        // who the peer is may follow in its first bytes
        onConnected: (info) => whenPeerKnown(info, peerSide, () => isOver || reporter.add((own = open(info)))),
        onClose(info) {
          isOver = true;
          const { series } = (own ??= open(info));
          reporter.end(own);
          const denied = denialReason(info);
          if (denied !== undefined && series.opened !== undefined) denialCounter(stats, edgeOf(info).labels, info, 'tcp', denied).value++;
        },
      });
      return true;
    };
  },
} satisfies NetworkFilter<never, IstioStatsConfig>;
