/**
 * Pushes metrics to the sinks that a bootstrap names in `stats_sinks`, every `stats_flush_interval`. Nothing of a request
 * waits for it: what is read are numbers, and a sink that cannot send loses what it has, and says how much.
 */
import type { Any } from '@bufbuild/protobuf/wkt';
import { timerMs } from '../../core/timer-limit.ts';
import { ConfigError } from '../../core/errors.ts';
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { positiveDurationMs } from '../config/durations.ts';
import { typeNameOf } from '../config/typed-config.ts';
import type { CountedElsewhere, StatsReader } from '../telemetry/registry.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { Interval } from './interval.ts';
import type { MetricsSink, SinkScope } from './sink.ts';

type CreateSink = (any: Any, path: string, scope: SinkScope) => MetricsSink;

/** Every kind by the type of its configuration, with how it is loaded. */
const KINDS: ReadonlyMap<string, () => Promise<CreateSink>> = new Map([
  ['envoy.config.metrics.v3.MetricsServiceConfig', async () => (await import('./metrics-service.ts')).createMetricsService],
  ['envoy.extensions.stat_sinks.open_telemetry.v3.SinkConfig', async () => (await import('./otlp-metrics.ts')).createOtlpMetrics],
]);
const FLUSH_INTERVAL_MS = 5000;

export interface PushOptions extends Omit<SinkScope, 'counters'> {
  readonly bootstrap: Bootstrap;
  readonly stats: StatsScope;
  /** All statistics of the proxy; `refresh` learns first what other event loops count. */
  readonly reader: () => StatsReader;
  readonly refresh: (() => Promise<void>) | undefined;
}

async function createSinks({ bootstrap, stats, ...scope }: PushOptions): Promise<MetricsSink[]> {
  const sinks = bootstrap.statsSinks.map(async ({ name, configType }, i) => {
    const path = `stats_sinks[${i}]`;
    const any = configType.value;
    const load = any === undefined ? undefined : KINDS.get(typeNameOf(any));
    if (any === undefined || load === undefined)
      throw new ConfigError(
        path,
        `sink ${name} is not supported by Tulle; envoy.stat_sinks.metrics_service and envoy.stat_sinks.open_telemetry are`,
      );
    const own = stats.scope(`stats_sinks.${i}`);
    const create = await load();
    return create(any, `${path}.typed_config`, { ...scope, counters: { sent: own.counter('sent'), lost: own.counter('lost') } });
  });
  return Promise.all(sinks);
}

/** Prepares the sinks of a bootstrap. Rejects with ConfigError for one that Tulle does not have. */
export async function createMetricsPush(options: PushOptions): Promise<MetricsPush> {
  return new MetricsPush(options, await createSinks(options));
}

export class MetricsPush {
  readonly #options: PushOptions;
  readonly #sinks: readonly MetricsSink[];
  readonly #interval = new Interval();
  readonly #startMs: number;
  #formerMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isFlushing = false;

  constructor(options: PushOptions, sinks: readonly MetricsSink[]) {
    this.#options = options;
    this.#sinks = sinks;
    this.#startMs = options.clock.wallMs();
    this.#formerMs = this.#startMs;
  }

  start(): void {
    const { bootstrap } = this.#options;
    const everyMs = positiveDurationMs(bootstrap.statsFlushInterval, FLUSH_INTERVAL_MS, 'stats_flush_interval');
    this.#timer = setInterval(() => void this.flush(), timerMs(everyMs)).unref();
  }

  /** What another process has told of is not told of again. */
  absorbed(counters: readonly CountedElsewhere[]): void {
    this.#interval.absorbed(counters);
  }

  async flush(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      await this.#options.refresh?.();
      this.#tell();
    } finally {
      this.#isFlushing = false;
    }
  }

  /** Tells of what has been counted since the last flush, without asking other loops again, and ends. */
  async end(): Promise<void> {
    this.#tell();
    await this.close();
  }

  /** Ends without a last word. Resolves when what the sinks were told has been taken, or given up. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sinks.map((sink) => sink.close()));
  }

  #tell(): void {
    const { reader, clock } = this.#options;
    const nowMs = clock.wallMs();
    const points = this.#interval.next(reader(), this.#sinks.some(({ which }) => which === 'all') ? 'all' : 'labelled');
    const times = { startMs: this.#startMs, formerMs: this.#formerMs, nowMs };
    for (const sink of this.#sinks) sink.flush(points, times);
    this.#formerMs = nowMs;
  }
}
