import type { LabelSelector, PathMatch, StringMatch } from './match.ts';
import type { Provenance } from './provenance.ts';

/** Header operations; names in lower case. */
export interface HeaderOperations {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** What is done to headers. */
export interface Headers {
  readonly request: HeaderOperations;
  readonly response: HeaderOperations;
}

/** Where requests go. */
export interface Destination {
  /** Fully qualified service host. */
  readonly host: string;
  readonly subset: string | undefined;
  /** Service port; undefined: the service's only port, or the listener's. */
  readonly port: number | undefined;
}

/** A destination with its share. */
export interface WeightedDestination {
  readonly destination: Destination;
  readonly weight: number;
  readonly headers: Headers | undefined;
  readonly origin: Provenance;
}

/** Conditions of one match block, all of which must hold. */
export interface HttpMatch {
  readonly name: string;
  readonly uri: PathMatch | undefined;
  readonly ignoreUriCase: boolean;
  readonly scheme: StringMatch | undefined;
  readonly method: StringMatch | undefined;
  readonly authority: StringMatch | undefined;
  readonly headers: readonly (readonly [name: string, match: StringMatch])[];
  readonly withoutHeaders: readonly (readonly [name: string, match: StringMatch])[];
  readonly queryParams: readonly (readonly [name: string, match: StringMatch])[];
  readonly port: number | undefined;
  /** Decided at compile time, against the proxy that asks. */
  readonly sourceLabels: LabelSelector;
  readonly sourceNamespace: string | undefined;
  readonly gateways: readonly string[];
  readonly statPrefix: string;
  readonly origin: Provenance;
}

/** A match that every request passes. */
export const ANY_REQUEST: Omit<HttpMatch, 'origin'> = {
  name: '',
  uri: undefined,
  ignoreUriCase: false,
  scheme: undefined,
  method: undefined,
  authority: undefined,
  headers: [],
  withoutHeaders: [],
  queryParams: [],
  port: undefined,
  sourceLabels: {},
  sourceNamespace: undefined,
  gateways: [],
  statPrefix: '',
};

/** Which failures are tried again, and how often. */
export interface RetryPolicy {
  /** Retries after the first attempt; 0 turns retrying off. */
  readonly attempts: number;
  readonly perTryTimeoutMs: number | undefined;
  /** Envoy's retry_on words; empty: Istio's default set. */
  readonly retryOn: readonly string[];
  readonly retriableStatusCodes: readonly number[];
  readonly retryRemoteLocalities: boolean;
  readonly ignorePreviousHosts: boolean;
  readonly backoffMs: number | undefined;
}

/** Share of requests in percent, 0 to 100. */
export interface Fault {
  readonly delay: { readonly fixedMs: number; readonly percent: number } | undefined;
  readonly abort: { readonly status: number; readonly kind: 'http' | 'grpc'; readonly percent: number } | undefined;
}

/** Which pages may call from other origins. */
export interface CorsPolicy {
  readonly allowOrigins: readonly StringMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeMs: number | undefined;
  readonly allowCredentials: boolean | undefined;
  readonly forwardUnmatchedPreflights: boolean | undefined;
}

/** What of a request is written anew. */
export interface Rewrite {
  readonly uri: string | undefined;
  readonly uriRegex: { readonly match: string; readonly rewrite: string } | undefined;
  readonly authority: string | undefined;
}

/** Where a client is sent instead. */
export interface Redirect {
  readonly uri: string | undefined;
  /** In place of the prefix that matched; the rest of the path stays. */
  readonly prefixRewrite: string | undefined;
  readonly authority: string | undefined;
  readonly scheme: string | undefined;
  readonly port: number | 'protocol-default' | 'request-port' | undefined;
  readonly code: number;
}

/** What becomes of a request that a rule takes. */
export type HttpAction =
  | { readonly kind: 'forward'; readonly destinations: readonly WeightedDestination[] }
  | { readonly kind: 'redirect'; readonly redirect: Redirect }
  | { readonly kind: 'direct-response'; readonly status: number; readonly body: Uint8Array };

/** A rule for requests. */
export interface HttpRule {
  readonly name: string;
  /** Any of them; empty matches every request. */
  readonly matches: readonly HttpMatch[];
  readonly action: HttpAction;
  readonly rewrite: Rewrite | undefined;
  readonly timeoutMs: number | undefined;
  readonly retries: RetryPolicy | undefined;
  readonly fault: Fault | undefined;
  readonly cors: CorsPolicy | undefined;
  readonly mirrors: readonly { readonly destination: Destination; readonly percent: number }[];
  readonly headers: Headers | undefined;
  readonly origin: Provenance;
}

/** A rule for every request that says nothing besides what is to be done. */
export const PLAIN_RULE: Omit<HttpRule, 'origin' | 'action'> = {
  name: '',
  matches: [],
  rewrite: undefined,
  timeoutMs: undefined,
  retries: undefined,
  fault: undefined,
  cors: undefined,
  mirrors: [],
  headers: undefined,
};

/** What of a connection a rule looks at. */
export interface L4Match {
  readonly sniHosts: readonly string[];
  readonly destinationSubnets: readonly string[];
  readonly port: number | undefined;
  readonly sourceLabels: LabelSelector;
  readonly sourceNamespace: string | undefined;
  readonly gateways: readonly string[];
  readonly origin: Provenance;
}

/** A rule for connections. */
export interface L4Rule {
  readonly matches: readonly L4Match[];
  readonly destinations: readonly WeightedDestination[];
  readonly origin: Provenance;
}

/** How requests for some hosts are routed: a VirtualService, and later an HTTPRoute. */
export interface RouteSet {
  readonly name: string;
  readonly namespace: string;
  /** Fully qualified, or `*`, `*.x`. */
  readonly hosts: readonly string[];
  /** `mesh`, or `namespace/name` of Gateways. */
  readonly gateways: readonly string[];
  readonly exportTo: readonly string[];
  readonly http: readonly HttpRule[];
  readonly tls: readonly L4Rule[];
  readonly tcp: readonly L4Rule[];
  readonly createdAt: number;
  readonly origin: Provenance;
}
