/** Access logs of listeners, HTTP connection managers and TCP proxies: what Telemetries say, else the mesh's file. */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import {
  type AccessLog,
  type AccessLogFilter,
  AccessLogFilterSchema,
  AccessLogSchema,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { ExpressionFilterSchema } from '../../xds/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import { meshForm } from './access-log-format.ts';
import { loggerOf } from './access-loggers.ts';
import { type Extension, extension } from './any.ts';
import { allOf, sampleFilter } from './access-log-sampling.ts';
import { memoised } from './memo.ts';
import { providerNamed } from './providers.ts';
import { type Side, sideOf } from './telemetry-filters.ts';
import { loggingOf } from './telemetry-rules.ts';

const FILE = 'envoy.access_loggers.file';
const CEL = 'envoy.access_loggers.extension_filters.cel';

/** An access log of those that `expression` is true of, and of them only a sample where the mesh says so. */
function logged(log: Extension, { logSampling }: MeshSettings, expression: string | undefined): AccessLog {
  const filters = [
    ...(expression === undefined ? [] : [celFilter(expression)]),
    ...(logSampling === undefined ? [] : [sampleFilter(logSampling)]),
  ];
  const filter = filters.length > 1 ? allOf(filters) : filters[0];
  return create(AccessLogSchema, { ...log, ...(filter !== undefined && { filter }) });
}

function meshFile(settings: MeshSettings): AccessLog[] {
  if (settings.accessLogFile === '') return [];
  const config = { path: settings.accessLogFile, accessLogFormat: { case: 'logFormat' as const, value: meshForm(settings) } };
  return [logged(extension(FILE, FileAccessLogSchema, config), settings, undefined)];
}

function celFilter(expression: string): AccessLogFilter {
  const value = extension(CEL, ExpressionFilterSchema, { expression });
  return create(AccessLogFilterSchema, { filterSpecifier: { case: 'extensionFilter', value } });
}

/**
 * The access logs of one side. Where no provider of access logs is named that exists, the mesh's file counts, whatever
 * a Telemetry says, which is Istio's rule.
 */
export const accessLogsOf = memoised((settings: MeshSettings, side: Side): readonly AccessLog[] => {
  const { rules = [] } = settings.telemetry ?? {};
  const named = loggingOf(rules, sideOf(side), settings.defaultProviders.accessLogging);
  const known = named.flatMap(({ provider, isDisabled, filter }) => {
    const log = loggerOf(providerNamed(settings, provider), settings);
    return log === undefined ? [] : [{ log, isDisabled, filter }];
  });
  if (known.length === 0) return meshFile(settings);
  return known.filter(({ isDisabled }) => !isDisabled).map(({ log, filter }) => logged(log, settings, filter));
});

const NO_CHAIN = create(AccessLogFilterSchema, { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } });

function withNoChain(filter: AccessLogFilter | undefined): AccessLogFilter {
  if (filter === undefined) return NO_CHAIN;
  return allOf([NO_CHAIN, filter]);
}

/** Access logs of listeners themselves: only connections that no filter chain takes. */
export const listenerAccessLogsOf = memoised((settings: MeshSettings, side: Side): readonly AccessLog[] =>
  settings.hasListenerLogs
    ? accessLogsOf(settings, side).map(({ name, configType, filter }) =>
        create(AccessLogSchema, { name, configType, filter: withNoChain(filter) }),
      )
    : [],
);
