import type { LoggingRule, MetricsOverride, MetricsRule, TagOverride, TracingRule } from '../../../model/telemetry.ts';
import {
  bool,
  defaulted,
  duration,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  required,
  string,
  unsupported,
  type Infer,
} from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { TELEMETRY } from './api-versions.ts';
import { attributeDoubt } from './attributes.ts';
import { lowerSelector, selectorField } from './selector.ts';
import { lowerSpanTags, spanTagsSchema } from './span-tags.ts';

const mode = defaulted(
  oneOf(['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']),
  'CLIENT_AND_SERVER',
  "The caller's proxy and gateways (CLIENT), the server's proxy (SERVER), or both.",
);

const providers = defaulted(
  list(object({ name: required(string(), 'Name of an extensionProvider of MeshConfig.') })),
  [],
  'Where it goes; what is less specific says so where there is none.',
);

const tracingSchema = object({
  match: optional(object({ mode }), 'Requests that it is for.'),
  providers,
  randomSamplingPercentage: optional(number(0, 100), "Share of requests that are traced, in percent; the mesh's where absent."),
  disableSpanReporting: optional(bool, 'Whether no spans are made.'),
  customTags: optional(spanTagsSchema, 'Tags of spans; they take the place of those that something less specific has.'),
  useRequestIdForTraceSampling: optional(
    bool,
    'Whether the request ID decides what is traced, so that every proxy decides alike; true where absent.',
  ),
  enableIstioTags: optional(bool, 'Whether spans tell service, mesh, namespace and cluster; true where absent.'),
  disableContextPropagation: optional(bool, 'Whether headers of traces are left as they came.'),
});

const overrideSchema = object({
  match: optional(
    object(
      {
        metric: optional(
          oneOf([
            'ALL_METRICS',
            'REQUEST_COUNT',
            'REQUEST_DURATION',
            'REQUEST_SIZE',
            'RESPONSE_SIZE',
            'TCP_OPENED_CONNECTIONS',
            'TCP_CLOSED_CONNECTIONS',
            'TCP_SENT_BYTES',
            'TCP_RECEIVED_BYTES',
            'GRPC_REQUEST_MESSAGES',
            'GRPC_RESPONSE_MESSAGES',
          ]),
          "One of Istio's metrics, or all.",
        ),
        customMetric: optional(string(), 'Another metric, by its name.'),
        mode,
      },
      [{ kind: 'at-most-one', fields: ['metric', 'customMetric'] }],
    ),
    'Metrics that it is for; all where absent.',
  ),
  disabled: optional(bool, 'Whether the metric is not counted.'),
  tagOverrides: defaulted(
    map(
      object({
        operation: defaulted(oneOf(['UPSERT', 'REMOVE']), 'UPSERT', 'Whether the tag is set or taken away.'),
        value: defaulted(string({ format: 'cel', mayBeEmpty: true }), '', 'A CEL expression of the value, for UPSERT.'),
      }),
    ),
    {},
    'Tags that are set or taken away, by name.',
  ),
});

const metricsSchema = object({
  providers,
  overrides: defaulted(list(overrideSchema), [], 'What differs from the usual, in order: later ones win.'),
  reportingInterval: optional(duration(1), 'How often TCP connections that last are told of.'),
});

const accessLoggingSchema = object({
  match: optional(object({ mode }), 'Requests and connections that it is for.'),
  providers,
  disabled: defaulted(bool, false, 'Whether these providers get no logs.'),
  filter: optional(
    object({ expression: defaulted(string({ format: 'cel', mayBeEmpty: true }), '', 'A CEL expression.') }),
    'What is logged; all where absent.',
  ),
});

const specSchema = object({
  selector: selectorField,
  targetRef: unsupported('error', 'A gateway of the Gateway API, or a waypoint; write a selector'),
  targetRefs: unsupported('error', 'Gateways of the Gateway API, or waypoints; write a selector'),
  tracing: defaulted(list(tracingSchema), [], 'Spans.'),
  metrics: defaulted(list(metricsSchema), [], 'Metrics.'),
  accessLogging: defaulted(list(accessLoggingSchema), [], 'Access logs.'),
});

const names = (written: readonly { readonly name: string }[]): string[] => written.map(({ name }) => name);

function lowerTracing(written: Infer<typeof tracingSchema>, lowering: Lowering): TracingRule {
  if (written.providers.length > 1) {
    lowering.warning('TUL020', written, 'providers', 'spans go to one provider: the first counts, the others get none');
  }
  return {
    mode: written.match?.mode ?? 'CLIENT_AND_SERVER',
    providers: names(written.providers),
    samplingPercent: written.randomSamplingPercentage,
    isReportingDisabled: written.disableSpanReporting,
    tags: written.customTags && lowerSpanTags(written.customTags, written, 'customTags', lowering),
    usesRequestIdForSampling: written.useRequestIdForTraceSampling,
    hasIstioTags: written.enableIstioTags,
    isPropagationDisabled: written.disableContextPropagation,
  };
}

type Override = Infer<typeof overrideSchema>;

function lowerTag(
  name: string,
  { operation, value }: Infer<typeof overrideSchema>['tagOverrides'][string],
  owner: Override,
  lowering: Lowering,
): TagOverride {
  if (operation === 'UPSERT' && value === '') {
    lowering.error('TUL011', owner, `tagOverrides.${name}.value`, 'a tag that is set wants a CEL expression of its value');
  }
  if (operation === 'REMOVE' && value !== '') {
    lowering.error('TUL015', owner, `tagOverrides.${name}.value`, 'a tag that is taken away has no value: take one of the two out');
  }
  const doubt = value === '' ? undefined : attributeDoubt(value, 'any');
  if (doubt !== undefined) lowering.warning('TUL020', owner, `tagOverrides.${name}.value`, `the tag is always "unknown": ${doubt}`);
  return { operation, value };
}

function lowerOverride(written: Override, lowering: Lowering): MetricsOverride {
  return {
    metric: written.match?.customMetric ?? written.match?.metric ?? 'ALL_METRICS',
    mode: written.match?.mode ?? 'CLIENT_AND_SERVER',
    isDisabled: written.disabled,
    tags: Object.fromEntries(Object.entries(written.tagOverrides).map(([name, tag]) => [name, lowerTag(name, tag, written, lowering)])),
  };
}

function lowerMetrics(written: Infer<typeof metricsSchema>, lowering: Lowering): MetricsRule {
  return {
    providers: names(written.providers),
    overrides: written.overrides.map((override) => lowerOverride(override, lowering)),
    reportingIntervalMs: written.reportingInterval,
  };
}

function lowerLogging(written: Infer<typeof accessLoggingSchema>, lowering: Lowering): LoggingRule {
  const expression = written.filter?.expression ?? '';
  const doubt = expression === '' ? undefined : attributeDoubt(expression, 'bool');
  if (doubt !== undefined) lowering.warning('TUL020', written, 'filter.expression', `nothing passes: ${doubt}`);
  return {
    mode: written.match?.mode ?? 'CLIENT_AND_SERVER',
    providers: names(written.providers),
    isDisabled: written.disabled,
    filter: written.filter?.expression,
  };
}

/** Istio Telemetry: metrics, access logs and traces of workloads. */
export const telemetry = defineDialect({
  kind: 'Telemetry',
  apiVersions: TELEMETRY,
  description: 'Which metrics, access logs and spans proxies make, and where they go.',
  fields: { spec: required(specSchema, 'Workloads, and what is told of them.') },
  lower({ spec }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    return {
      kind: 'telemetry',
      value: {
        name,
        namespace,
        selector: lowerSelector(spec.selector),
        tracing: spec.tracing.map((rule) => lowerTracing(rule, lowering)),
        metrics: spec.metrics.map((rule) => lowerMetrics(rule, lowering)),
        accessLogging: spec.accessLogging.map((rule) => lowerLogging(rule, lowering)),
        createdAt,
        origin,
      },
    };
  },
});
