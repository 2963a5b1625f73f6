/**
 * Flow records: one for each request or connection that a proxy tells of. Both proxies on the way may tell of the same
 * one: `reporter` says which it was, `id` joins them.
 */
import type { Provenance } from './provenance.ts';

/** What became of it. */
export type Verdict =
  /** The other side answered, whatever its status, or bytes went through; or a route itself says what to answer. */
  | 'forwarded'
  /** A policy said no: authorization, a token, an external authorizer, a rate limit. */
  | 'denied'
  /** No answer of the other side: a proxy answered instead, or the connection broke. */
  | 'failed';

/** Details of a connection that was refused because it came in plaintext to a port whose mTLS is STRICT. */
export const PLAINTEXT_REFUSED = 'plaintext_refused_mtls_is_strict';

/** Details of a connection that no filter chain of a listener takes, for other reasons than {@link PLAINTEXT_REFUSED}. */
export const NO_CHAIN_FOUND = 'filter_chain_not_found';

/** All of them, as filters name them. */
export const VERDICTS = ['forwarded', 'denied', 'failed'] as const satisfies readonly Verdict[];

/** Whose word a flow is. */
export type Reporter = 'source' | 'destination' | 'gateway';

/** All of them. */
export const REPORTERS = ['source', 'destination', 'gateway'] as const satisfies readonly Reporter[];

/** What a flow may be of. */
export const FLOW_PROTOCOLS = ['http', 'grpc', 'tcp'] as const satisfies readonly Flow['protocol'][];

/** One end of a flow; a text is empty where the proxy that tells of it cannot know. */
export interface FlowEnd {
  readonly namespace: string;
  readonly workload: string;
  /** Address as the proxy saw it, `ip:port`. */
  readonly address: string;
  /** SPIFFE ID by mTLS. */
  readonly principal: string;
}

/** Of a request; connections have none. */
export interface FlowRequest {
  readonly method: string;
  readonly authority: string;
  /** With its query, which `redacted` may have taken the values of. */
  readonly path: string;
  /** 0 where there was no answer. */
  readonly status: number;
  /** `grpc-status`, where it is gRPC. */
  readonly grpcStatus?: number;
  /** Those that a tap asked for, lower-case names; what is secret reads `[redacted]`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request or a connection, as one proxy on its way saw it. */
export interface Flow {
  /** `x-request-id` of a request, a connection's number otherwise; unique together with `proxy`. */
  readonly id: string;
  /** Node id of the proxy that tells. */
  readonly proxy: string;
  readonly reporter: Reporter;
  /** When it began, ms since 1970, by the clock of the proxy. */
  readonly startMs: number;
  /** When the control plane got it, ms since 1970, by its own clock: what flows are ordered and asked for by. */
  readonly receivedMs: number;
  readonly durationMs: number;
  /** Of that, until the other side's first byte; absent where none came. */
  readonly upstreamMs?: number;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  /** Host of the service that was called, e.g. `payments.shop.svc.cluster.local`; empty for a pass-through. */
  readonly service: string;
  /** Cluster as proxies name it, empty where none was chosen. */
  readonly cluster: string;
  readonly verdict: Verdict;
  /** Response flags and details as access logs have them, e.g. `UF` and `upstream_reset_before_response_started{…}`. */
  readonly flags: readonly string[];
  readonly details: string;
  /** The policy that said no, or that would have in a dry run. */
  readonly policy?: Provenance;
  /** Route that was taken, by its name, and where it was written. */
  readonly route: string;
  readonly routeOrigin?: Provenance;
  readonly isMutualTls: boolean;
  /** True where a connection or stream was open still: figures are so far, and it is told of again, with the same id. */
  readonly isOpen?: true;
  /** Bytes of bodies, or of a connection. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly traceId: string;
  readonly request?: FlowRequest;
}

/** `flows` less what was told of something while it lasted, where a later word of the same proxy is among them. */
export function latestWords(flows: readonly Flow[]): Flow[] {
  const latest = new Map<string, Flow>();
  const keyOf = ({ proxy, id, startMs }: Flow): string => `${proxy} ${id} ${startMs}`;
  for (const flow of flows) {
    const known = latest.get(keyOf(flow));
    if (known === undefined || flow.isOpen !== true || (known.isOpen === true && flow.receivedMs > known.receivedMs))
      latest.set(keyOf(flow), flow);
  }
  return flows.filter((flow) => flow.isOpen !== true || latest.get(keyOf(flow)) === flow);
}

/** What was not kept of all flows, counted since the control plane started. */
export interface LostFlows {
  /** Given up by proxies, because they had more than they may send or the control plane did not take them. */
  readonly byProxies: number;
  /** Entries that could not be read. */
  readonly unreadable: number;
  /** Pushed out by newer ones. */
  readonly aged: number;
}

/** How much is kept, and in what bound. */
export interface KeptFlows {
  readonly flows: number;
  readonly bytes: number;
  readonly bytesMax: number;
  /** `receivedMs` of the oldest by verdict; absent where none is kept. Each verdict has its own share of the bound. */
  readonly oldestMs: Readonly<Partial<Record<Verdict, number>>>;
}

/** A line of a watched answer beside those that are flows: so many were left out because their reader was slow. */
export interface LostLine {
  readonly lost: number;
}

/** The first line of a tap: who can tell anything. */
export interface TapLine {
  /** Connected proxies of which it asks. */
  readonly concerned: number;
  /** Of these, those that tell of flows: not where `flows.enabled` is false, nor where a bootstrap names no server for it. */
  readonly tellers: number;
}
