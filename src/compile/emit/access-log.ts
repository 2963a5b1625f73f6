/** Access logs to a file, in Istio's formats. */
import { create, type JsonObject } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import {
  type AccessLog,
  AccessLogFilterSchema,
  AccessLogSchema,
  ResponseFlagFilterSchema,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import {
  type SubstitutionFormatString,
  SubstitutionFormatStringSchema,
} from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { ReqWithoutQuerySchema } from '../../xds/gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts';
import { extension, pack } from './any.ts';
import { memoised } from './memo.ts';

/** Fields of both formats: the key in JSON, the operator, and whether text puts it in quotes. */
const FIELDS = [
  ['start_time', '%START_TIME%'],
  ['method', '%REQ(:METHOD)%'],
  ['path', '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%'],
  ['protocol', '%PROTOCOL%'],
  ['response_code', '%RESPONSE_CODE%'],
  ['response_flags', '%RESPONSE_FLAGS%'],
  ['response_code_details', '%RESPONSE_CODE_DETAILS%'],
  ['connection_termination_details', '%CONNECTION_TERMINATION_DETAILS%'],
  ['upstream_transport_failure_reason', '%UPSTREAM_TRANSPORT_FAILURE_REASON%'],
  ['bytes_received', '%BYTES_RECEIVED%'],
  ['bytes_sent', '%BYTES_SENT%'],
  ['duration', '%DURATION%'],
  ['upstream_service_time', '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%'],
  ['x_forwarded_for', '%REQ(X-FORWARDED-FOR)%'],
  ['user_agent', '%REQ(USER-AGENT)%'],
  ['request_id', '%REQ(X-REQUEST-ID)%'],
  ['authority', '%REQ(:AUTHORITY)%'],
  ['upstream_host', '%UPSTREAM_HOST%'],
  ['upstream_cluster', '%UPSTREAM_CLUSTER_RAW%'],
  ['upstream_local_address', '%UPSTREAM_LOCAL_ADDRESS%'],
  ['downstream_local_address', '%DOWNSTREAM_LOCAL_ADDRESS%'],
  ['downstream_remote_address', '%DOWNSTREAM_REMOTE_ADDRESS%'],
  ['requested_server_name', '%REQUESTED_SERVER_NAME%'],
  ['route_name', '%ROUTE_NAME%'],
] as const;

const QUOTED = new Set(['upstream_transport_failure_reason', 'x_forwarded_for', 'user_agent', 'request_id', 'authority', 'upstream_host']);

function defaultText(): string {
  const [start, method, path, protocol, ...rest] = FIELDS.map(([key, operator]) => (QUOTED.has(key) ? `"${operator}"` : operator));
  return `[${start}] "${method} ${path} ${protocol}" ${rest.join(' ')}\n`;
}

function jsonFormat(format: string): JsonObject {
  if (format === '') return Object.fromEntries(FIELDS);
  try {
    const parsed: JsonObject = JSON.parse(format);
    return parsed;
  } catch (error) {
    throw new ConfigError('accessLogFormat', `not JSON, which accessLogEncoding JSON needs: ${messageOf(error)}`, { cause: error });
  }
}

function logFormat({ accessLogEncoding, accessLogFormat }: MeshSettings): SubstitutionFormatString {
  const formatters = accessLogFormat.includes('REQ_WITHOUT_QUERY')
    ? [{ name: 'envoy.formatter.req_without_query', typedConfig: pack(ReqWithoutQuerySchema, {}) }]
    : [];
  if (accessLogEncoding === 'JSON') {
    return create(SubstitutionFormatStringSchema, { format: { case: 'jsonFormat', value: jsonFormat(accessLogFormat) }, formatters });
  }
  const inlineString = accessLogFormat === '' ? defaultText() : accessLogFormat.endsWith('\n') ? accessLogFormat : `${accessLogFormat}\n`;
  return create(SubstitutionFormatStringSchema, {
    format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: inlineString } } },
    formatters,
  });
}

/** The mesh's access logs: one file, or none. */
export const accessLogsOf = memoised((settings: MeshSettings): AccessLog[] => {
  if (settings.accessLogFile === '') return [];
  const config = { path: settings.accessLogFile, accessLogFormat: { case: 'logFormat' as const, value: logFormat(settings) } };
  return [create(AccessLogSchema, extension('envoy.access_loggers.file', FileAccessLogSchema, config))];
});

const NO_CHAIN = create(AccessLogFilterSchema, {
  filterSpecifier: { case: 'responseFlagFilter', value: create(ResponseFlagFilterSchema, { flags: ['NR'] }) },
});

/** Access logs of listeners themselves: only connections that no filter chain takes. */
export const listenerAccessLogsOf = memoised((settings: MeshSettings): AccessLog[] =>
  accessLogsOf(settings).map((log) => create(AccessLogSchema, { name: log.name, configType: log.configType, filter: NO_CHAIN })),
);
