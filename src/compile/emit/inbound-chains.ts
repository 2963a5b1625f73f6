/**
 * Filter chains of one inbound port by what the port speaks and what its PeerAuthentication asks for. `security` says
 * how a connection must come: by the mesh's mTLS, in plain text, or with TLS of the application's own, passed on.
 */
import type { Protocol } from '../../model/service.ts';
import { isHttp } from '../../model/service.ts';
import type { EffectiveMode } from './peer-authentication.ts';

export interface ChainKind {
  /** '' is either. */
  readonly transportProtocol: 'tls' | 'raw_buffer' | '';
  readonly applicationProtocols: readonly string[];
  readonly speaks: 'http' | 'bytes';
  readonly endsMtls: boolean;
}

type PortKind = 'auto' | 'http' | 'tcp';

const HTTP_ALPN = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
const TCP_ALPN = ['istio-peer-exchange', 'istio'];
const MESH_ALPN = [...TCP_ALPN, ...HTTP_ALPN];
const SNIFFED_HTTP = ['http/1.1', 'h2c'];

function mtls(speaks: ChainKind['speaks'], applicationProtocols: readonly string[] = []): ChainKind {
  return { transportProtocol: 'tls', applicationProtocols, speaks, endsMtls: true };
}

function plain(speaks: ChainKind['speaks'], applicationProtocols: readonly string[] = []): ChainKind {
  return { transportProtocol: 'raw_buffer', applicationProtocols, speaks, endsMtls: false };
}

/** Whatever comes, TLS of the application's own included. */
function any(speaks: ChainKind['speaks']): ChainKind {
  return { transportProtocol: '', applicationProtocols: [], speaks, endsMtls: false };
}

const FOREIGN_TLS: ChainKind = { transportProtocol: 'tls', applicationProtocols: [], speaks: 'bytes', endsMtls: false };

/** Istio's table. PERMISSIVE on a port declared as HTTP has no chain for foreign TLS: it is reset. */
const CHAINS: Readonly<Record<EffectiveMode, Readonly<Record<PortKind, readonly ChainKind[]>>>> = {
  PERMISSIVE: {
    auto: [mtls('http', HTTP_ALPN), plain('http', SNIFFED_HTTP), mtls('bytes', TCP_ALPN), plain('bytes'), FOREIGN_TLS],
    http: [mtls('http', MESH_ALPN), plain('http')],
    tcp: [mtls('bytes', MESH_ALPN), FOREIGN_TLS, plain('bytes')],
  },
  STRICT: {
    auto: [mtls('http', HTTP_ALPN), mtls('bytes')],
    http: [mtls('http')],
    tcp: [mtls('bytes')],
  },
  DISABLE: {
    auto: [plain('http', SNIFFED_HTTP), plain('bytes'), FOREIGN_TLS],
    http: [any('http')],
    tcp: [any('bytes')],
  },
};

/** The chains of a port that speaks `protocol` under `mode`. */
export function chainKinds(protocol: Protocol, mode: EffectiveMode): readonly ChainKind[] {
  const kind: PortKind = protocol === 'auto' ? 'auto' : isHttp(protocol) ? 'http' : 'tcp';
  return CHAINS[mode][kind];
}
