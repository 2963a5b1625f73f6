/**
 * What a proxy tells the control plane of its streams (`tulle.flows`, ARCHITECTURE.md): it decides which, and sends them
 * as entries of Envoy's access log service. The runtime says how many, and whether somebody taps: then it is all of them,
 * with the headers that are asked for.
 */
import type { Log } from '../../core/log.ts';
import type { AdsSettings } from '../config/ads-target.ts';
import type { RuntimeStore } from '../config/runtime-store.ts';
import type { LocalNode } from '../http/filter.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { AlsSettings } from '../telemetry/log-service/als.ts';
import { lazyWriter } from '../telemetry/lazy-writer.ts';
import type { WriteEntry } from '../telemetry/log-service/write-entry.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { Timers } from '../timers.ts';
import { DEFAULT_RATES, FlowRates } from './flow-rates.ts';
import type { FlowStream } from './flow-stream.ts';

export interface FlowTellerOptions {
  readonly ads: AdsSettings;
  readonly node: LocalNode;
  readonly timers: Timers;
  readonly log: Log;
  readonly stats: StatsScope;
  readonly runtime: RuntimeStore;
  /** Event loops that share the proxy's rates. */
  readonly loops: number;
}

/** Runtime keys. */
const KEYS = {
  ordinary: 'tulle.flows.per_second',
  trouble: 'tulle.flows.failed_per_second',
  tapped: 'tulle.flows.tapped_per_second',
  isTapped: 'tulle.tap',
  headers: 'tulle.tap_headers',
} as const;

const MAX_HEADERS = 32;

export class FlowTeller {
  readonly #options: FlowTellerOptions;
  readonly #rates: FlowRates;
  #stream: FlowStream | undefined;
  #headers: readonly string[] = [];

  constructor(options: FlowTellerOptions) {
    this.#options = options;
    this.#rates = new FlowRates(options.loops);
    options.runtime.watch(() => this.#obey());
  }

  /** The cluster that stands for where it tells. */
  get cluster(): string {
    return this.#options.ads.clusterName;
  }

  /** Writes entries of one access log: those that are told of. */
  logger(settings: AlsSettings): WriteEntry {
    const rates = this.#rates;
    const write = lazyWriter(() => this.#writer(settings), { onLost: () => rates.lost++ });
    const tell = (info: StreamInfo): void => {
      if (rates.takes(info)) write(info);
    };
    return Object.assign(tell, { tellsOpen: true as const });
  }

  /** Sends what waits. Resolves when it is sent, or soon. */
  async close(): Promise<void> {
    await this.#stream?.close();
  }

  async #writer(settings: AlsSettings): Promise<WriteEntry> {
    const [{ httpFlowEntry, tcpFlowEntry }, stream] = await Promise.all([import('./flow-entry.ts'), this.#open()]);
    const count = (): void => {
      if (this.#rates.lost > 0) stream.addLost(this.#rates.lost);
      this.#rates.lost = 0;
    };
    return (info) => {
      count();
      if (settings.kind === 'http') stream.addHttp(httpFlowEntry(info, settings, this.#headers));
      else stream.addTcp(tcpFlowEntry(info, settings));
    };
  }

  async #open(): Promise<FlowStream> {
    const { FlowStream: Stream } = await import('./flow-stream.ts');
    const { stats } = this.#options;
    this.#stream ??= new Stream({ ...this.#options, sent: stats.counter('sent'), lost: stats.counter('lost') });
    this.#stream.isTapped = this.#rates.isTapped;
    return this.#stream;
  }

  #obey(): void {
    const { values } = this.#options.runtime;
    const number = (key: string, fallback: number): number => {
      const value = values[key];
      return typeof value === 'number' && value >= 0 ? value : fallback;
    };
    this.#rates.setRates({
      ordinary: number(KEYS.ordinary, DEFAULT_RATES.ordinary),
      trouble: number(KEYS.trouble, DEFAULT_RATES.trouble),
      tapped: number(KEYS.tapped, DEFAULT_RATES.tapped),
    });
    this.#rates.isTapped = values[KEYS.isTapped] === true;
    const headers = values[KEYS.headers];
    this.#headers =
      typeof headers === 'string'
        ? headers
            .split(',')
            .filter((name) => name !== '')
            .slice(0, MAX_HEADERS)
        : [];
    if (this.#stream !== undefined) this.#stream.isTapped = this.#rates.isTapped;
  }
}
