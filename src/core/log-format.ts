/**
 * Envoy's substitution formats as far as they can be checked without a proxy: how commands are written, and their names.
 * Who writes a format learns from the control plane, with file and line, what is wrong with it.
 */

/** A command, or `%%`: name, argument, length. Sticky: it is asked where a `%` stands. */
export const LOG_COMMAND = /%(?:%|([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d+))?%)/y;

/** Whether a command has something in parentheses. */
export type ArgumentUse = 'none' | 'optional' | 'required';

/** The commands that our proxies have. */
const BY_ARGUMENT = {
  none: [
    'GRPC_STATUS_NUMBER',
    'PROTOCOL',
    'RESPONSE_CODE',
    'CONNECTION_TERMINATION_DETAILS',
    'BYTES_RECEIVED',
    'BYTES_SENT',
    'DURATION',
    'REQUEST_DURATION',
    'REQUEST_TX_DURATION',
    'RESPONSE_DURATION',
    'RESPONSE_TX_DURATION',
    'ROUNDTRIP_DURATION',
    'BYTES_RETRANSMITTED',
    'PACKETS_RETRANSMITTED',
    'CUSTOM_FLAGS',
    'UPSTREAM_HOST',
    'UPSTREAM_HOST_NAME',
    'UPSTREAM_HOST_NAME_WITHOUT_PORT',
    'UPSTREAM_HOSTS_ATTEMPTED',
    'UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT',
    'UPSTREAM_HOST_NAMES_ATTEMPTED',
    'UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT',
    'UPSTREAM_PROTOCOL',
    'UPSTREAM_LOCAL_ADDRESS',
    'UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
    'UPSTREAM_LOCAL_PORT',
    'UPSTREAM_REMOTE_ADDRESS',
    'UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
    'UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID',
    'UPSTREAM_REMOTE_PORT',
    'UPSTREAM_CLUSTER',
    'UPSTREAM_CLUSTER_RAW',
    'UPSTREAM_TRANSPORT_FAILURE_REASON',
    'UPSTREAM_REQUEST_ATTEMPT_COUNT',
    'UPSTREAM_WIRE_BYTES_SENT',
    'UPSTREAM_WIRE_BYTES_RECEIVED',
    'DOWNSTREAM_WIRE_BYTES_SENT',
    'DOWNSTREAM_WIRE_BYTES_RECEIVED',
    'DOWNSTREAM_TRANSPORT_FAILURE_REASON',
    'DOWNSTREAM_LOCAL_CLOSE_REASON',
    'DOWNSTREAM_LOCAL_ADDRESS',
    'DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT',
    'DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID',
    'DOWNSTREAM_LOCAL_PORT',
    'DOWNSTREAM_DIRECT_LOCAL_ADDRESS',
    'DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT',
    'DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID',
    'DOWNSTREAM_DIRECT_LOCAL_PORT',
    'DOWNSTREAM_REMOTE_ADDRESS',
    'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
    'DOWNSTREAM_REMOTE_PORT',
    'DOWNSTREAM_DIRECT_REMOTE_ADDRESS',
    'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT',
    'DOWNSTREAM_DIRECT_REMOTE_PORT',
    'DOWNSTREAM_PEER_URI_SAN',
    'DOWNSTREAM_PEER_DNS_SAN',
    'DOWNSTREAM_PEER_IP_SAN',
    'DOWNSTREAM_PEER_EMAIL_SAN',
    'DOWNSTREAM_PEER_OTHERNAME_SAN',
    'DOWNSTREAM_PEER_SUBJECT',
    'DOWNSTREAM_PEER_ISSUER',
    'DOWNSTREAM_PEER_SERIAL',
    'DOWNSTREAM_PEER_FINGERPRINT_256',
    'DOWNSTREAM_PEER_FINGERPRINT_1',
    'DOWNSTREAM_PEER_CERT',
    'DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256',
    'DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1',
    'DOWNSTREAM_PEER_CHAIN_SERIALS',
    'DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256',
    'DOWNSTREAM_PEER_ISSUER_SERIAL',
    'DOWNSTREAM_LOCAL_URI_SAN',
    'DOWNSTREAM_LOCAL_DNS_SAN',
    'DOWNSTREAM_LOCAL_IP_SAN',
    'DOWNSTREAM_LOCAL_EMAIL_SAN',
    'DOWNSTREAM_LOCAL_OTHERNAME_SAN',
    'DOWNSTREAM_LOCAL_SUBJECT',
    'DOWNSTREAM_TLS_VERSION',
    'DOWNSTREAM_TLS_CIPHER',
    'DOWNSTREAM_TLS_GROUP',
    'DOWNSTREAM_TLS_SESSION_ID',
    'UPSTREAM_PEER_URI_SAN',
    'UPSTREAM_PEER_DNS_SAN',
    'UPSTREAM_PEER_IP_SAN',
    'UPSTREAM_PEER_SUBJECT',
    'UPSTREAM_PEER_ISSUER',
    'UPSTREAM_PEER_CERT',
    'UPSTREAM_LOCAL_URI_SAN',
    'UPSTREAM_LOCAL_DNS_SAN',
    'UPSTREAM_LOCAL_IP_SAN',
    'UPSTREAM_TLS_VERSION',
    'UPSTREAM_TLS_CIPHER',
    'UPSTREAM_TLS_GROUP',
    'TLS_JA3_FINGERPRINT',
    'TLS_JA4_FINGERPRINT',
    'CONNECTION_ID',
    'REQUESTED_SERVER_NAME',
    'FILTER_CHAIN_NAME',
    'ROUTE_NAME',
    'VIRTUAL_CLUSTER_NAME',
    'TRACE_ID',
    'SPAN_ID',
    'STREAM_ID',
    'UNIQUE_ID',
    'LOCAL_REPLY_BODY',
    'HOSTNAME',
    'RESPONSE_FLAGS',
    'RESPONSE_FLAGS_LONG',
    'ACCESS_LOG_TYPE',
  ],
  optional: [
    'START_TIME',
    'START_TIME_LOCAL',
    'EMIT_TIME',
    'EMIT_TIME_LOCAL',
    'DOWNSTREAM_PEER_CERT_V_START',
    'DOWNSTREAM_PEER_CERT_V_END',
    'UPSTREAM_PEER_CERT_V_START',
    'UPSTREAM_PEER_CERT_V_END',
    'PATH',
    'QUERY_PARAMS',
    'GRPC_STATUS',
    'RESPONSE_CODE_DETAILS',
  ],
  required: [
    'REQ',
    'REQUEST_HEADER',
    'REQ_WITHOUT_QUERY',
    'RESP',
    'RESPONSE_HEADER',
    'TRAILER',
    'RESPONSE_TRAILER',
    'QUERY_PARAM',
    'COMMON_DURATION',
    'FILTER_STATE',
    'DYNAMIC_METADATA',
    'CLUSTER_METADATA',
    'UPSTREAM_METADATA',
    'METADATA',
    'ENVIRONMENT',
    'COALESCE',
  ],
} as const satisfies Readonly<Record<ArgumentUse, readonly string[]>>;

/** A command's name. */
export type LogOperator = (typeof BY_ARGUMENT)[ArgumentUse][number];

const ARGUMENT_USES = ['none', 'optional', 'required'] as const;

/** Every command that our proxies have, and whether it has an argument. */
export const LOG_OPERATORS: ReadonlyMap<string, ArgumentUse> = new Map(
  ARGUMENT_USES.flatMap((use) => BY_ARGUMENT[use].map((name): [LogOperator, ArgumentUse] => [name, use])),
);

/** Commands that Envoy 1.40 documents and our proxies do not have. */
const ENVOYS_OWN: ReadonlySet<string> = new Set([
  'REQUEST_HEADERS_BYTES',
  'RESPONSE_HEADERS_BYTES',
  'RESPONSE_TRAILERS_BYTES',
  'UPSTREAM_HEADER_BYTES_SENT',
  'UPSTREAM_HEADER_BYTES_RECEIVED',
  'UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT',
  'UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED',
  'DOWNSTREAM_HEADER_BYTES_SENT',
  'DOWNSTREAM_HEADER_BYTES_RECEIVED',
  'DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT',
  'DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED',
  'DOWNSTREAM_HANDSHAKE_DURATION',
  'DOWNSTREAM_CX_RTT',
  'DOWNSTREAM_DETECTED_CLOSE_TYPE',
  'UPSTREAM_DETECTED_CLOSE_TYPE',
  'UPSTREAM_LOCAL_CLOSE_REASON',
  'UPSTREAM_CONNECTION_ID',
  'UPSTREAM_CONNECTION_IDS_ATTEMPTED',
  'UPSTREAM_CONNECTION_POOL_READY_DURATION',
  'UPSTREAM_SERVER_NAME',
  'UPSTREAM_TLS_SESSION_ID',
  'UPSTREAM_FILTER_STATE',
  'LISTENER_NAME',
  'CEL',
  'TYPED_CEL',
  'FILE_CONTENT',
  'SECRET',
]);

/** What is wrong with a format: no command where a `%` stands, or one that is not there, or not as it is written. */
export type LogFormatFault =
  | { readonly kind: 'syntax' }
  | { readonly kind: 'unknown' | 'unsupported' | 'no-argument' | 'argument'; readonly name: string };

function commandFault(name: string, argument: string): LogFormatFault | undefined {
  const use = LOG_OPERATORS.get(name);
  if (use === undefined) return { kind: ENVOYS_OWN.has(name) ? 'unsupported' : 'unknown', name };
  if (use === 'none' && argument !== '') return { kind: 'argument', name };
  if (use === 'required' && argument === '') return { kind: 'no-argument', name };
  return undefined;
}

/** The first fault of a format; undefined where every `%` begins a command that our proxies have, or is written twice. */
export function logFormatFault(format: string): LogFormatFault | undefined {
  for (let at = format.indexOf('%'); at !== -1; at = format.indexOf('%', LOG_COMMAND.lastIndex)) {
    LOG_COMMAND.lastIndex = at;
    const match = LOG_COMMAND.exec(format);
    if (match === null) return { kind: 'syntax' };
    const [, name, argument = ''] = match;
    const fault = name === undefined ? undefined : commandFault(name, argument);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
