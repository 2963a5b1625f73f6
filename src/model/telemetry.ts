/** What is told of traffic: Istio's Telemetry. */
import type { LabelSelector } from './match.ts';
import type { Provenance } from './provenance.ts';

/** Which side of a request a word is for: the caller's proxy, the server's, or both. */
export type TelemetryMode = 'CLIENT' | 'SERVER' | 'CLIENT_AND_SERVER';

/** Where the value of a tag of spans comes from. `formatter` is text with Envoy's operators (`%REQ(...)%`). */
export type SpanTag =
  | { readonly from: 'literal' | 'formatter'; readonly value: string }
  /** Variables of the proxy's own environment, or headers of the request. */
  | { readonly from: 'environment' | 'header'; readonly name: string; readonly defaultValue: string };

/** Tags of spans, by name. */
export type SpanTags = Readonly<Record<string, SpanTag>>;

/** Undefined fields say nothing: what is less specific stands. */
export interface TracingRule {
  readonly mode: TelemetryMode;
  readonly providers: readonly string[];
  /** In percent. */
  readonly samplingPercent: number | undefined;
  readonly isReportingDisabled: boolean | undefined;
  readonly tags: SpanTags | undefined;
  readonly usesRequestIdForSampling: boolean | undefined;
  readonly hasIstioTags: boolean | undefined;
  readonly isPropagationDisabled: boolean | undefined;
}

/** A label that is set or taken away. */
export interface TagOverride {
  readonly operation: 'UPSERT' | 'REMOVE';
  /** A CEL expression; '' where it is removed. */
  readonly value: string;
}

/** What is done to metrics that match. */
export interface MetricsOverride {
  /** Istio's name of a metric (`REQUEST_COUNT`, or of one's own); `ALL_METRICS` is every one. */
  readonly metric: string;
  readonly mode: TelemetryMode;
  readonly isDisabled: boolean | undefined;
  readonly tags: Readonly<Record<string, TagOverride>>;
}

/** Metrics for some providers. */
export interface MetricsRule {
  readonly providers: readonly string[];
  readonly overrides: readonly MetricsOverride[];
  readonly reportingIntervalMs: number | undefined;
}

/** Access logs for some providers. */
export interface LoggingRule {
  readonly mode: TelemetryMode;
  readonly providers: readonly string[];
  readonly isDisabled: boolean;
  /** A CEL expression that requests must meet to be logged. */
  readonly filter: string | undefined;
}

/** Istio's Telemetry. */
export interface Telemetry {
  readonly name: string;
  readonly namespace: string;
  /** undefined: the namespace; in the root namespace the mesh. */
  readonly selector: LabelSelector | undefined;
  readonly tracing: readonly TracingRule[];
  readonly metrics: readonly MetricsRule[];
  readonly accessLogging: readonly LoggingRule[];
  readonly createdAt: number;
  readonly origin: Provenance;
}

/** Providers that count where nothing names one. */
export interface DefaultProviders {
  readonly tracing: readonly string[];
  readonly metrics: readonly string[];
  readonly accessLogging: readonly string[];
}

/** What Telemetries say of one proxy, and what depends on who it is. */
export interface ProxyTelemetry {
  /** Less specific ones first. */
  readonly rules: readonly Telemetry[];
  /** Full host names of the services that providers are, by the provider's name; without those that do not exist. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly identity: SpanIdentity;
}

/** Who a proxy's spans are from. */
export interface SpanIdentity {
  /** `<app>.<namespace>`, as the proxy's node says in `cluster`. */
  readonly serviceName: string;
  readonly workload: string;
  readonly instance: string;
  readonly namespace: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly meshId: string;
  readonly clusterId: string;
}
