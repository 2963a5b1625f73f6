/** Where metrics are pushed: what every kind of sink does, and what it has of the proxy. */
import type { Log } from '../../core/log.ts';
import type { Node } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { AdsSettings } from '../config/ads-target.ts';
import type { SideScope } from '../router/side-request.ts';
import type { Counter } from '../telemetry/stats.ts';
import type { Point } from './interval.ts';

/** A running sink. It never waits and never throws: what it cannot send is lost, and counted. */
export interface MetricsSink {
  /** What it wants to be told of. */
  readonly which: 'all' | 'labelled';
  /** One flush. `startMs` is when the proxy began to count, `formerMs` the flush before; wall clock. */
  flush(points: readonly Point[], times: FlushTimes): void;
  /** Resolves when what it was told of has been taken, or given up. */
  close(): Promise<void>;
}

export interface FlushTimes {
  readonly startMs: number;
  readonly formerMs: number;
  readonly nowMs: number;
}

/** What sinks use of the proxy. */
export interface SinkScope extends SideScope {
  /** As the proxy calls itself. */
  readonly node: Node;
  readonly version: string;
  readonly ads: AdsSettings | undefined;
  /** The server of ADS gets Istio's and Tulle's metrics alone. */
  readonly pushesSignals: boolean;
  readonly counters: {
    /** Messages sent. */
    readonly sent: Counter;
    /** Messages that nobody took. */
    readonly lost: Counter;
  };
  readonly log: Log;
}
