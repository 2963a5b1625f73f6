/** Forms of access logs: Istio's usual text and fields, and those that were written. */
import { create, type JsonObject } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import type { LogFormat } from '../../model/telemetry-provider.ts';
import type { TypedExtensionConfig } from '../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import {
  type SubstitutionFormatString,
  SubstitutionFormatStringSchema,
} from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import { ReqWithoutQuerySchema } from '../../xds/gen/envoy/extensions/formatter/req_without_query/v3/req_without_query_pb.ts';
import { pack } from './any.ts';

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

/** Which resource decided, and where it is written: only our proxy knows, others leave a dash. */
const DECIDED_BY = '%DYNAMIC_METADATA(tulle:decided_by)%';

/** Istio's usual text, with its newline. */
export function defaultText(): string {
  const [start, method, path, protocol, ...rest] = FIELDS.map(([key, operator]) => (QUOTED.has(key) ? `"${operator}"` : operator));
  return `[${start}] "${method} ${path} ${protocol}" ${rest.join(' ')}\n`;
}

/** Extensions that `formats` need for their operators. */
export function formattersOf(formats: readonly string[]): Pick<TypedExtensionConfig, 'name' | 'typedConfig'>[] {
  if (!formats.some((format) => format.includes('%REQ_WITHOUT_QUERY'))) return [];
  return [{ name: 'envoy.formatter.req_without_query', typedConfig: pack(ReqWithoutQuerySchema, {}) }];
}

function jsonForm(fields: JsonObject): SubstitutionFormatString {
  return create(SubstitutionFormatStringSchema, {
    format: { case: 'jsonFormat', value: fields },
    formatters: formattersOf(Object.values(fields).filter((value) => typeof value === 'string')),
  });
}

function textForm(written: string): SubstitutionFormatString {
  const inlineString = written === '' ? defaultText() : written.endsWith('\n') ? written : `${written}\n`;
  return create(SubstitutionFormatStringSchema, {
    format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: inlineString } } },
    formatters: formattersOf([inlineString]),
  });
}

function parsed(format: string): JsonObject {
  try {
    const fields: JsonObject = JSON.parse(format);
    return fields;
  } catch (error) {
    throw new ConfigError('accessLogFormat', `not JSON, which accessLogEncoding JSON needs: ${messageOf(error)}`, { cause: error });
  }
}

/** The form that MeshConfig says. */
export function meshForm({ accessLogEncoding, accessLogFormat, hasLogOrigins }: MeshSettings): SubstitutionFormatString {
  const origins = hasLogOrigins && accessLogFormat === '';
  if (accessLogEncoding === 'TEXT') return textForm(origins ? `${defaultText().trimEnd()} "${DECIDED_BY}"\n` : accessLogFormat);
  const fields = accessLogFormat === '' ? Object.fromEntries(FIELDS) : parsed(accessLogFormat);
  return jsonForm(origins ? { ...fields, decided_by: DECIDED_BY } : fields);
}

/** The form that a provider says. */
export function providerForm(format: LogFormat | undefined, omitEmptyValues: boolean): SubstitutionFormatString {
  const isEmpty = format?.kind === 'labels' && Object.keys(format.labels).length === 0;
  const form =
    format?.kind === 'labels' ? jsonForm(isEmpty ? Object.fromEntries(FIELDS) : { ...format.labels }) : textForm(format?.text ?? '');
  form.omitEmptyValues = omitEmptyValues;
  return form;
}
