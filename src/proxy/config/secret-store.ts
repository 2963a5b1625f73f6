/** Certificates and trust as SDS names them; what uses them watches, so that a rotation reaches new connections. */

import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';

/** A key pair, PEM; the chain leaf first. */
export interface KeyPair {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** What peers' certificates are checked against. */
export interface TrustBundle {
  /** PEM, one or more roots; undefined: do not check the chain. */
  readonly roots: string | undefined;
}

export interface Watched<Value> {
  /** Undefined until it arrives for the first time. */
  current(): Value | undefined;
  /** Calls back on each later change; returns how to stop. */
  watch(callback: () => void): () => void;
}

export interface SecretStore {
  /** `source` is the `sds_config` that stands beside the name; without one the name is asked for over ADS. */
  keyPair(sdsName: string, source?: ConfigSource): Watched<KeyPair>;
  trust(sdsName: string, source?: ConfigSource): Watched<TrustBundle>;
}
