/**
 * What Telemetries say of one workload, joined: the mesh's (root namespace, without a selector), then the namespace's,
 * then those that select the workload, later ones over earlier ones. Each kind of rule has merge rules of its own, which
 * are Istio's.
 */
import { selects } from '../../model/match.ts';
import type {
  LoggingRule,
  MetricsOverride,
  MetricsRule,
  SpanTags,
  TagOverride,
  Telemetry,
  TelemetryMode,
  TracingRule,
} from '../../model/telemetry.ts';
import type { WorkloadIdentity } from './peer-authentication.ts';

/** The side of a request that a proxy is on. */
export type TelemetrySide = Exclude<TelemetryMode, 'CLIENT_AND_SERVER'>;

/**
 * Telemetries for `workload`, less specific ones first: of those without a selector the oldest of each namespace, of the
 * others every one that selects it, oldest first. A selector in the root namespace is for that namespace only.
 */
export function telemetriesFor(telemetries: readonly Telemetry[], rootNamespace: string, workload: WorkloadIdentity): Telemetry[] {
  const wide = (wanted: string) => telemetries.find(({ namespace, selector }) => namespace === wanted && selector === undefined);
  const mesh = wide(rootNamespace);
  const own = workload.namespace === rootNamespace ? undefined : wide(workload.namespace);
  const selecting = telemetries.filter(
    ({ namespace, selector }) => namespace === workload.namespace && selector !== undefined && selects(selector, workload.labels),
  );
  return [...(mesh ? [mesh] : []), ...(own ? [own] : []), ...selecting];
}

function isFor(mode: TelemetryMode, side: TelemetrySide): boolean {
  return mode === 'CLIENT_AND_SERVER' || mode === side;
}

/** A provider of access logs and what it gets; `undefined` as filter: everything. */
export interface LoggingTo {
  readonly provider: string;
  readonly isDisabled: boolean;
  readonly filter: string | undefined;
}

/** Providers of the most specific Telemetry that names some count, whether or not its rules are for `side`. */
function loggingProviders(levels: readonly (readonly LoggingRule[])[], side: TelemetrySide, defaults: readonly string[]) {
  let inScope = defaults;
  const filters = new Map<string, string | undefined>();
  for (const rules of levels) {
    const own = rules.filter(({ mode }) => isFor(mode, side));
    const named = own.flatMap(({ providers }) => providers);
    for (const { providers, filter } of own) for (const provider of providers) filters.set(provider, filter);
    if (named.length > 0) inScope = named;
  }
  return { inScope: new Set(inScope), filters };
}

/** Who gets access logs of `side`, by name. Source: istiod, a rule without providers is for those of the rule before it. */
export function loggingOf(telemetries: readonly Telemetry[], side: TelemetrySide, defaults: readonly string[]): readonly LoggingTo[] {
  const levels = telemetries.map(({ accessLogging }) => accessLogging).filter((rules) => rules.length > 0);
  if (levels.length === 0) return defaults.map((provider) => ({ provider, isDisabled: false, filter: undefined }));
  const { inScope, filters } = loggingProviders(levels, side, defaults);
  const found = new Map<string, LoggingTo>();
  let inherited = defaults;
  for (const { mode, providers, isDisabled } of levels.flat()) {
    inherited = providers.length > 0 ? providers : inherited;
    for (const provider of inherited) {
      if (!inScope.has(provider) || !isFor(mode, side)) continue;
      found.set(provider, { provider, isDisabled, filter: isDisabled ? undefined : filters.get(provider) });
    }
  }
  return [...found.values()].toSorted((a, b) => (a.provider < b.provider ? -1 : 1));
}

/** What is traced of `side`, and how. */
export interface TracingTo {
  /** undefined: nowhere. */
  readonly provider: string | undefined;
  readonly isDisabled: boolean;
  readonly samplingPercent: number | undefined;
  readonly tags: SpanTags | undefined;
  readonly usesRequestIdForSampling: boolean;
  readonly hasIstioTags: boolean;
  readonly isPropagationDisabled: boolean;
}

function overridden(found: TracingTo, rule: TracingRule): TracingTo {
  return {
    provider: rule.providers[0] ?? found.provider,
    isDisabled: rule.isReportingDisabled ?? found.isDisabled,
    samplingPercent: rule.samplingPercent ?? found.samplingPercent,
    tags: rule.tags ?? found.tags,
    usesRequestIdForSampling: rule.usesRequestIdForSampling ?? found.usesRequestIdForSampling,
    hasIstioTags: rule.hasIstioTags ?? found.hasIstioTags,
    isPropagationDisabled: rule.isPropagationDisabled ?? found.isPropagationDisabled,
  };
}

/** Tracing of `side`: field by field, the more specific wins. undefined where neither Telemetry nor default provider says anything. */
export function tracingOf(telemetries: readonly Telemetry[], side: TelemetrySide, defaults: readonly string[]): TracingTo | undefined {
  const rules = telemetries.flatMap(({ tracing }) => tracing);
  if (rules.length === 0 && defaults.length === 0) return undefined;
  const nothing: TracingTo = {
    provider: defaults[0],
    isDisabled: false,
    samplingPercent: undefined,
    tags: undefined,
    usesRequestIdForSampling: true,
    hasIstioTags: true,
    isPropagationDisabled: false,
  };
  return rules.filter(({ mode }) => isFor(mode, side)).reduce(overridden, nothing);
}

/** Every metric of Istio's, in order of name. */
const METRICS = [
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_OPENED_CONNECTIONS',
  'TCP_RECEIVED_BYTES',
  'TCP_SENT_BYTES',
] as const;

/** What differs from the usual for one metric. */
export interface MetricOverride {
  readonly metric: string;
  readonly isDisabled: boolean;
  readonly tags: Readonly<Record<string, TagOverride>>;
}

/** A provider of metrics and what it gets. */
export interface MetricsTo {
  readonly provider: string;
  /** True: nothing at all. */
  readonly isDisabled: boolean;
  readonly overrides: readonly MetricOverride[];
  readonly reportingIntervalMs: number | undefined;
}

/** The metrics of one provider while rules are applied one after the other. */
interface Counting {
  isDisabled: boolean;
  reportingIntervalMs: number | undefined;
  readonly overrides: Map<string, MetricOverride>;
}

function apply(counting: Counting, override: MetricsOverride): void {
  const isAll = override.metric === 'ALL_METRICS';
  if (isAll && override.isDisabled === true) {
    counting.isDisabled = true;
    return;
  }
  // whatever is said of a metric after all were turned off turns them on again
  counting.isDisabled = false;
  for (const metric of isAll ? METRICS : [override.metric]) {
    const former = counting.overrides.get(metric);
    counting.overrides.set(metric, {
      metric,
      isDisabled: override.isDisabled ?? former?.isDisabled ?? false,
      tags: { ...former?.tags, ...override.tags },
    });
  }
}

const byMetric = (a: MetricOverride, b: MetricOverride) => (a.metric < b.metric ? -1 : 1);

/** Metrics of `side`, by provider: those of the last rule that names some count, overrides of all rules add up. */
export function metricsOf(telemetries: readonly Telemetry[], side: TelemetrySide, defaults: readonly string[]): readonly MetricsTo[] {
  const rules: readonly MetricsRule[] = telemetries.flatMap(({ metrics }) => metrics);
  const inScope = new Set(rules.findLast(({ providers }) => providers.length > 0)?.providers ?? defaults);
  const found = new Map<string, Counting>();
  if (rules.length === 0) for (const provider of defaults) found.set(provider, newCounting());
  let inherited = defaults;
  for (const { providers, overrides, reportingIntervalMs } of rules) {
    inherited = providers.length > 0 ? providers : inherited;
    for (const provider of inherited.filter((name) => inScope.has(name))) {
      const counting = found.get(provider) ?? newCounting();
      found.set(provider, counting);
      counting.reportingIntervalMs = reportingIntervalMs ?? counting.reportingIntervalMs;
      for (const override of overrides) if (isFor(override.mode, side)) apply(counting, override);
    }
  }
  return [...found]
    .map(([provider, counting]) => ({ ...counting, provider, overrides: [...counting.overrides.values()].toSorted(byMetric) }))
    .toSorted((a, b) => (a.provider < b.provider ? -1 : 1));
}

function newCounting(): Counting {
  return { isDisabled: false, reportingIntervalMs: undefined, overrides: new Map() };
}
