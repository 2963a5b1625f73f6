import type { NetAddress } from '../../net/address.ts';
import type { ProxyTlv } from '../../wire/proxy-protocol/result.ts';
import type { CertificateFacts } from '../tls/certificate-facts.ts';
import type { Sharing } from '../http/shared-state.ts';

/** What TLS said about a downstream peer. */
export interface PeerTls {
  /** URI subject alternative names of a verified client certificate; empty without one. */
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly subject: string;
  /** Lower-case hex of the SHA-256 of the certificate; '' without one. */
  readonly fingerprint: string;
  /** The certificate as PEM; '' or absent without one. */
  readonly pem?: string;
  /** The verified chain, the client's own certificate first, each as PEM; absent or empty without one. */
  chainPem?(): readonly string[];
  readonly protocol: string;
  readonly cipher: string;
  readonly alpn: string;
  /** URI SANs of our own certificate. */
  readonly localUriSans: readonly string[];
  /** What the client has shown, verified or not; absent without one. */
  readonly certificate?: CertificateFacts | undefined;
  /** Our own. */
  readonly local?: CertificateFacts | undefined;
  /** The group of the key exchange; '' or absent where it is unknown. */
  readonly group?: string;
  /** Hex of the session's identifier; '' or absent in TLS 1.3. */
  readonly sessionId?: string;
}

/** A downstream connection as filters see it: facts that hold as long as it does. */
export interface DownstreamConnection {
  readonly id: number;
  /** The client: the peer of the socket, or whom its header of the PROXY protocol names. */
  readonly remote: NetAddress;
  /** The peer of the socket; undefined where that is `remote`. */
  readonly directRemote?: NetAddress | undefined;
  /** Where the client wanted to go: the original destination where the kernel or a PROXY protocol header tells it. */
  readonly local: NetAddress;
  /** True where `local` differs from the accepted address. */
  readonly isRedirected: boolean;
  /** Server name of the ClientHello; '' without one. */
  readonly requestedServerName: string;
  /** Fingerprints of its ClientHello where `tls_inspector` is asked for them. */
  readonly ja3?: string | undefined;
  readonly ja4?: string | undefined;
  readonly tls: PeerTls | undefined;
  /** `spiffe://...` of the peer, or ''. */
  readonly principal: string;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly listenerName: string;
  readonly filterChainName: string;
  /** `filter_metadata` of its listener; absent in tests. */
  readonly listenerMetadata?: Readonly<Record<string, unknown>>;
  /** What listener filters left, by namespace; Envoy's dynamic metadata of a connection, which its requests do not inherit. */
  readonly metadata?: ReadonlyMap<string, unknown> | undefined;
  /** Filter state as it came from within the process, and as network filters have set it; every stream begins with it. */
  filterState?: Map<string, string> | undefined;
  /** Keys of it that connections upstream get too. */
  sharing?: Map<string, Sharing> | undefined;
  /** Fields of its header of the PROXY protocol that may go on upstream; undefined: it had no header. */
  readonly proxyTlvs?: readonly ProxyTlv[] | undefined;
  /** Our end of the socket; undefined where that is `local`. */
  readonly directLocal?: NetAddress | undefined;
  /** Values that filters keep for the connection (peer metadata, RBAC's decision by principal). */
  readonly memo: Map<unknown, unknown>;
}
