/** What proxies tell of traffic: access loggers, tracers and `istio.stats`, in words. */
import { at, count, entries, items, type Json, type JsonMap, said, text } from './json.ts';
import { onSide } from './listeners.ts';

function formOf(config: Json | undefined): Json | undefined {
  const format = at(config, 'logFormat');
  const fields = at(format, 'jsonFormat');
  const form = fields ?? text(format, 'textFormatSource', 'inlineString');
  return at(format, 'omitEmptyValues') === true ? { form, omitsEmpty: true } : form;
}

function filterOf(filter: Json | undefined): string {
  if (filter === undefined) return '';
  const flags = items(filter, 'responseFlagFilter', 'flags').map((flag) => text(flag));
  if (flags.length > 0) return `flags ${flags.join(',')}`;
  const parts = items(filter, 'andFilter', 'filters').map(filterOf);
  return parts.length > 0 ? parts.join(' and ') : `cel ${text(filter, 'extensionFilter', 'typedConfig', 'expression')}`;
}

function grpcTo(config: Json | undefined): string {
  return `${text(config, 'grpcService', 'envoyGrpc', 'clusterName')} as ${text(config, 'grpcService', 'envoyGrpc', 'authority')}`;
}

function logOf(log: Json): JsonMap {
  const config = at(log, 'typedConfig');
  const common = at(config, 'commonConfig');
  const attributes = items(config, 'attributes', 'values').map((one) => `${text(one, 'key')}=${text(one, 'value', 'stringValue')}`);
  return said({
    logger: text(log, 'name'),
    to: common === undefined ? text(config, 'path') : grpcTo(common),
    name: text(common, 'logName'),
    filterState: at(common, 'filterStateObjectsToLog'),
    form: common === undefined ? formOf(config) : text(config, 'body', 'stringValue'),
    attributes,
    headers: [
      ...items(config, 'additionalRequestHeadersToLog'),
      ...items(config, 'additionalResponseHeadersToLog'),
      ...items(config, 'additionalResponseTrailersToLog'),
    ],
    formatters: [...items(config, 'formatters'), ...items(config, 'logFormat', 'formatters')].map((one) => text(one, 'name')),
    filter: filterOf(at(log, 'filter')),
  });
}

function tagOf(tag: Json): string {
  const [kind, value] = entries(tag).find(([key]) => key !== 'tag') ?? ['', undefined];
  const fallback = text(value, 'defaultValue');
  const path = items(value, 'metadataKey', 'path').map((part) => text(part, 'key'));
  const what = text(value, 'value') || text(value, 'name') || path.join('.') || text(value);
  return `${text(tag, 'tag')}: ${kind} ${what}${fallback === '' ? '' : ` else ${fallback}`}`;
}

function httpTo(service: Json | undefined): JsonMap {
  const headers = items(service, 'requestHeadersToAdd').map((one) => `${text(one, 'header', 'key')}: ${text(one, 'header', 'value')}`);
  return said({
    uri: text(service, 'httpUri', 'uri'),
    cluster: text(service, 'httpUri', 'cluster'),
    timeout: text(service, 'httpUri', 'timeout'),
    headers,
  });
}

function tracerOf(provider: Json | undefined): JsonMap | undefined {
  const config = at(provider, 'typedConfig');
  if (config === undefined) return undefined;
  const service = at(config, 'httpService') ?? at(config, 'collectorService');
  return said({
    tracer: text(provider, 'name'),
    service: text(config, 'serviceName'),
    http: service && httpTo(service),
    grpc: at(config, 'grpcService') && grpcTo(config),
    timeout: text(config, 'grpcService', 'timeout'),
    metadata: items(config, 'grpcService', 'initialMetadata').map((one) => `${text(one, 'key')}: ${text(one, 'value')}`),
    detectors: items(config, 'resourceDetectors').map((one) => text(one, 'name')),
    traceId128bit: at(config, 'traceId128bit'),
    context: text(config, 'traceContextOption'),
  });
}

/** A Percent of 0 has no value in JSON. */
function percent(tracing: Json, field: string): string {
  return text(tracing, field, 'value') || '0';
}

function tracingOf(manager: Json | undefined): Json {
  const tracing = at(manager, 'tracing');
  if (tracing === undefined) return 'none';
  const byId = at(manager, 'requestIdExtension', 'typedConfig', 'useRequestIdForTraceSampling');
  return said({
    sampling: ['clientSampling', 'randomSampling', 'overallSampling'].map((field) => percent(tracing, field)).join('/'),
    tags: items(tracing, 'customTags').map(tagOf),
    maxPathTagLength: count(tracing, 'maxPathTagLength') || undefined,
    spawnsUpstreamSpan: at(tracing, 'spawnUpstreamSpan'),
    propagates: at(tracing, 'noContextPropagation') === true ? 'no' : undefined,
    sampledByRequestId: byId === false ? 'no' : undefined,
    ...tracerOf(at(tracing, 'provider')),
  });
}

function metricOf(metric: Json): readonly [string, Json] {
  const tags = entries(metric, 'dimensions').map(([tag, value]) => `${tag} = ${text(value)}`);
  const removed = at(metric, 'tagsToRemove') ?? at(metric, 'tags_to_remove');
  const change = said({ dropped: at(metric, 'drop'), set: tags.toSorted(), removed });
  return [text(metric, 'name'), Object.keys(change).length === 0 ? 'as usual' : change];
}

/** `istio.stats` is a message of its own to istiod, and a TypedStruct to us. */
function metricsOf(filters: readonly Json[]): Json {
  const found = filters.filter((filter) => text(filter, 'name') === 'istio.stats');
  return found.map((filter) => {
    const config = at(filter, 'typedConfig', 'value') ?? at(filter, 'typedConfig');
    return said({
      hostFromRequest: (at(config, 'disableHostHeaderFallback') ?? at(config, 'disable_host_header_fallback')) === true ? 'no' : 'yes',
      interval: text(config, 'tcpReportingDuration') || text(config, 'tcp_reporting_duration'),
      metrics: Object.fromEntries(items(config, 'metrics').map(metricOf)),
    });
  });
}

interface Found {
  readonly config: Json | undefined;
  readonly filters: readonly Json[];
}

/** The first chain that ends with `type`; nothing is told of connections that loop. */
function chainWith(listeners: readonly Json[], type: string): Found {
  for (const chain of listeners.flatMap((listener) => items(listener, 'filterChains'))) {
    const filters = items(chain, 'filters');
    const last = filters.at(-1);
    if (!text(chain, 'name').endsWith('blackhole') && text(last, 'name').endsWith(type))
      return { config: at(last, 'typedConfig'), filters };
  }
  return { config: undefined, filters: [] };
}

/** Of `side` (inbound, outbound, or gateway) what is told to `whom`: logs, traces or metrics. */
export function telling(listeners: readonly Json[], side: string, whom: string): Json {
  const all = onSide(listeners, side);
  const http = chainWith(all, 'http_connection_manager');
  const bytes = chainWith(all, 'tcp_proxy');
  if (whom === 'traces') return tracingOf(http.config);
  if (whom === 'metrics') return said({ http: metricsOf(items(http.config, 'httpFilters')), bytes: metricsOf(bytes.filters) });
  const catching = side === 'outbound' ? all.find((listener) => text(listener, 'name') === 'virtualOutbound') : all[0];
  return said({
    http: items(http.config, 'accessLog').map(logOf),
    bytes: items(bytes.config, 'accessLog').map(logOf),
    listener: items(catching, 'accessLog').map(logOf),
  });
}
