/**
 * What the proxy itself costs: CPU, memory, collections, and how late its event loop is. Read when somebody reads
 * statistics, so that a proxy that nobody asks pays for a timer twice a second and no more.
 */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import process from 'node:process';
import v8 from 'node:v8';
import { type Counter, type Histogram, observe, type StatsScope } from './stats.ts';

const EVERY_MS = 500;
/** Upper bounds of delays, in milliseconds. */
const DELAY_BOUNDS: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000];
const PAUSE_BOUNDS: readonly number[] = [0.5, 1, 2, 5, 10, 25, 50, 100, 250];

const KINDS: ReadonlyMap<number, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak_callbacks'],
]);

/** The kind of an entry of the observer's. */
function kindOf(entry: object): string {
  const detail: unknown = Reflect.get(entry, 'detail');
  const kind: unknown = typeof detail === 'object' && detail !== null ? Reflect.get(detail, 'kind') : undefined;
  return KINDS.get(Number(kind)) ?? 'other';
}

export class OwnCost {
  readonly #stats: StatsScope;
  readonly #delay: Histogram;
  readonly #cpu: Counter;
  readonly #pauses = new Map<string, Histogram>();
  #timer: NodeJS.Timeout | undefined;
  #dueMs = 0;
  #observer: PerformanceObserver | undefined;

  constructor(stats: StatsScope) {
    this.#stats = stats;
    this.#delay = stats.labelledHistogram('tulle_event_loop_delay_milliseconds', {}, DELAY_BOUNDS);
    this.#cpu = stats.labelledCounter('process_cpu_seconds_total', {});
  }

  start(): void {
    this.#dueMs = performance.now() + EVERY_MS;
    this.#timer = setInterval(() => this.#tick(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#observer?.disconnect();
  }

  /** Brings what is read up to date. Collections are counted from the first time on. */
  refresh(): void {
    if (this.#observer === undefined) {
      this.#observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) observe(this.#pauseOf(kindOf(entry)), entry.duration);
      });
      this.#observer.observe({ entryTypes: ['gc'] });
    }
    const { user, system } = process.cpuUsage();
    this.#cpu.value = (user + system) / 1e6;
    const { used_heap_size: used, total_heap_size: total } = v8.getHeapStatistics();
    const server = this.#stats;
    const rss = process.memoryUsage.rss();
    server.gauge('server.memory_allocated').value = used;
    server.gauge('server.memory_heap_size').value = total;
    server.gauge('server.memory_physical_size').value = rss;
    server.gauge('server.uptime').value = Math.floor(process.uptime());
    server.labelledGauge('process_resident_memory_bytes', {}).value = rss;
    server.labelledGauge('process_start_time_seconds', {}).value = Math.round(performance.timeOrigin) / 1000;
  }

  #pauseOf(kind: string): Histogram {
    let histogram = this.#pauses.get(kind);
    if (histogram === undefined)
      this.#pauses.set(kind, (histogram = this.#stats.labelledHistogram('tulle_gc_pause_milliseconds', { kind }, PAUSE_BOUNDS)));
    return histogram;
  }

  #tick(): void {
    const nowMs = performance.now();
    observe(this.#delay, Math.max(0, nowMs - this.#dueMs));
    this.#dueMs = nowMs + EVERY_MS;
  }
}
