/** Certificates and trust as SDS names them; what uses them watches, so that a rotation reaches new connections. */

import type { TlsKeyPair } from '../../net/tls-context.ts';
import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { CertificateValidationContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { CertificateUses } from '../tls/certificate-uses.ts';

/** A key pair, PEM; the chain leaf first. */
export interface KeyPair extends TlsKeyPair {
  /** A stapled OCSP response, DER. */
  readonly ocspStaple?: Uint8Array;
}

/** What peers' certificates are checked against. */
export interface TrustBundle {
  /** PEM, one or more roots; undefined: do not check the chain. */
  readonly roots: string | undefined;
  /** All that the secret asks of peers, `trusted_ca` too; undefined where it brings roots alone. */
  readonly rules?: CertificateValidationContext;
}

/** Keys of session tickets, 80 bytes each, the one that seals first. */
export interface TicketKeys {
  readonly keys: readonly Uint8Array[];
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
  ticketKeys(sdsName: string, source?: ConfigSource): Watched<TicketKeys>;
  /** Where certificates that are in use are told, for the admin interface and for warnings; absent in tests. */
  readonly uses?: CertificateUses;
}
