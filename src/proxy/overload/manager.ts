import { timerMs } from '../../core/timer-limit.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { OverloadManager as OverloadManagerProto } from '../../xds/gen/envoy/config/overload/v3/overload_pb.ts';
import type { Counter, Gauge, StatsScope } from '../telemetry/stats.ts';
import { defaultOverload } from './defaults.ts';
import type { ReadPressure } from './monitors.ts';
import { Overload } from './overload.ts';
import { type ActionSettings, type OverloadSettings, readOverloadManager } from './settings.ts';

export interface OverloadScope {
  readonly stats: StatsScope;
  readonly clock: Clock;
  readonly log: Log;
  /** Event loops that share a limit of connections: each takes its part. */
  readonly loops: number;
}

/** A resource that is read at intervals. */
class Resource {
  readonly #read: ReadPressure;
  readonly #pressure: Gauge;
  readonly #failed: Counter;
  pressure = 0;

  constructor(name: string, read: ReadPressure, stats: StatsScope) {
    const own = stats.scope(`overload.${name}`);
    this.#read = read;
    this.#pressure = own.gauge('pressure');
    this.#failed = own.counter('failed_updates');
    own.counter('skipped_updates');
  }

  /** Reads it; undefined, or why that failed, with the former pressure standing. */
  refresh(): string | undefined {
    try {
      this.pressure = this.#read();
      this.#pressure.value = Math.floor(this.pressure * 100);
      return undefined;
    } catch (error) {
      this.#failed.value++;
      return messageOf(error);
    }
  }
}

interface Action extends ActionSettings {
  readonly active: Gauge;
  readonly scale: Gauge;
}

/** Watches what may run out, and says what is not done any more meanwhile. */
export class OverloadManager {
  readonly state = new Overload();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #resources = new Map<string, Resource>();
  readonly #actions: readonly Action[];
  readonly #fullness: Gauge | undefined;
  readonly #refreshMs: number;
  #timer: NodeJS.Timeout | undefined = undefined;
  #lastFailure = '';

  /** Throws ConfigError for what `config` has wrong; without it the defaults hold. */
  constructor(config: OverloadManagerProto | undefined, { stats, clock, log, loops }: OverloadScope) {
    this.#clock = clock;
    this.#log = log;
    const settings: OverloadSettings =
      config === undefined ? defaultOverload(this.state, stats) : readOverloadManager(config, this.state, stats);
    for (const [name, monitor] of settings.monitors) {
      if (monitor.kind === 'read') this.#resources.set(name, new Resource(name, monitor.read, stats));
      else {
        this.state.maxConnections = Math.ceil(monitor.max / loops);
        this.#fullness = stats.scope(`overload.${name}`).gauge('pressure');
      }
    }
    this.#actions = settings.actions.map((action) => {
      const own = stats.scope(`overload.${action.name}`);
      return { ...action, active: own.gauge('active'), scale: own.gauge('scale_percent') };
    });
    this.#refreshMs = settings.refreshMs;
  }

  /** Begins to watch. `connections` counts those of the proxy. */
  start(connections: () => number): void {
    this.state.connections = connections;
    this.refresh();
    this.#timer = setInterval(() => this.refresh(), timerMs(this.#refreshMs)).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks at everything once. */
  refresh(): void {
    for (const [name, resource] of this.#resources) this.#reportFailure(name, resource.refresh());
    const { maxConnections } = this.state;
    if (this.#fullness !== undefined && maxConnections !== undefined)
      this.#fullness.value = Math.floor((this.state.connections() / maxConnections) * 100);
    for (const action of this.#actions) this.#apply(action);
  }

  #apply({ name, act, triggers, active, scale }: Action): void {
    let share = 0;
    for (const [resource, rule] of triggers) share = Math.max(share, rule(this.#resources.get(resource)?.pressure ?? 0));
    const isActive = share >= 1 ? 1 : 0;
    if (isActive !== active.value) this.#log.warn(isActive === 1 ? 'overloaded' : 'overload is over', { action: name });
    active.value = isActive;
    scale.value = Math.round(share * 100);
    act(share, this.#clock.monotonicMs());
  }

  /** The same failure is told once. */
  #reportFailure(name: string, failure: string | undefined): void {
    if (failure === undefined || failure === this.#lastFailure) return;
    this.#lastFailure = failure;
    this.#log.warn('a resource cannot be measured', { resource: name, error: failure });
  }
}
