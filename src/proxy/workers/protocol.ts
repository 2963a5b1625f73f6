/** What the main event loop and the others say to each other (`--concurrency`). Messages between two loops keep their order. */
import type { LogLevel } from '../../core/log.ts';
import type { NetAddress } from '../../net/address.ts';
import type { AdsResource } from '../../xds/client.ts';
import type { SecretValue } from '../config/secrets.ts';
import type { DrainOptions } from '../listener/drain-state.ts';
import type { ListenSource } from '../listener/listen-sockets.ts';
import type { StatsSnapshot } from './stats-snapshot.ts';

/** What a loop begins with. */
export interface WorkerStart {
  /** 1 and up; the main loop is 0. */
  readonly loop: number;
  readonly loops: number;
  /** An envoy.config.bootstrap.v3.Bootstrap. */
  readonly bootstrap: Uint8Array;
  readonly version: string;
  readonly logLevel: LogLevel;
  /** Of `SharedWork`. */
  readonly work: SharedArrayBuffer;
  readonly drain: DrainOptions;
}

export type ToWorker =
  | {
      readonly kind: 'resources';
      readonly typeUrl: string;
      readonly resources: readonly AdsResource[];
      readonly removed: readonly string[];
    }
  | { readonly kind: 'secret'; readonly name: string; readonly value: SecretValue }
  | { readonly kind: 'source'; readonly id: number; readonly source: ListenSource | string }
  | { readonly kind: 'health'; readonly isHealthy: boolean }
  | { readonly kind: 'leave'; readonly names: readonly string[]; readonly stops: boolean }
  | { readonly kind: 'drain' }
  | { readonly kind: 'level'; readonly level: LogLevel }
  | { readonly kind: 'reopen-logs' }
  | { readonly kind: 'stats'; readonly id: number }
  | { readonly kind: 'crash' }
  | { readonly kind: 'close' };

export type FromWorker =
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly typeUrl: string; readonly names: readonly string[] | '*' }
  | { readonly kind: 'claim'; readonly id: number; readonly key: string; readonly wanted: NetAddress }
  | { readonly kind: 'listening'; readonly key: string; readonly descriptors: readonly number[] }
  | { readonly kind: 'live' }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'stats'; readonly id: number; readonly snapshot: StatsSnapshot }
  | { readonly kind: 'lines'; readonly path: string; readonly lines: string }
  | { readonly kind: 'drained' };
