/** Which streams an access log is about. Source: Envoy, envoy.config.accesslog.v3.AccessLogFilter. */
import { knownPartsOf } from '../config/fraction.ts';
import { liveCount } from '../config/live-values.ts';
import type { Random } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import {
  type AccessLogFilter,
  type ComparisonFilter,
  ComparisonFilter_Op,
  type GrpcStatusFilter,
  type LogTypeFilter,
  type MetadataFilter,
  type ResponseFlagFilter,
  type RuntimeFilter,
} from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { FractionalPercent } from '../../xds/gen/envoy/type/v3/percent_pb.ts';
import { RESPONSE_FLAGS, type StreamInfo } from '../http/stream-info.ts';
import { compileHeaderMatcher } from '../router/matchers.ts';
import { decodeTyped } from '../config/typed-config.ts';
import { compileMetadataMatcher } from '../authz/metadata-matcher.ts';
import { grpcStatusOf } from '../http/local-reply.ts';
import { ExpressionFilterSchema } from '../../xds/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import type { AttributeScope } from './cel/attributes.ts';
import { compileExpression } from './cel/expression.ts';
import { logTypeOf } from './format-connection.ts';
import { grpcStatusCommand } from './format-request.ts';
import { numberOf } from './id-number.ts';
import { metadataAt } from './metadata-path.ts';

/** What expressions know beside the stream. */
type CelScope = Omit<AttributeScope, 'duration'>;

export type LogFilter = (info: StreamInfo) => boolean;

function compare(config: ComparisonFilter | undefined, read: (info: StreamInfo) => number, path: string): LogFilter {
  const limit = liveCount(config?.value, 0);
  switch (config?.op) {
    case ComparisonFilter_Op.EQ:
      return (info) => read(info) === limit.value;
    case ComparisonFilter_Op.GE:
      return (info) => read(info) >= limit.value;
    case ComparisonFilter_Op.LE:
      return (info) => read(info) <= limit.value;
    default:
      throw new ConfigError(`${path}.comparison.op`, `${config?.op ?? 'nothing'} is not one of EQ, GE, LE`);
  }
}

function flags({ flags: names }: ResponseFlagFilter, path: string): LogFilter {
  if (names.length === 0) return (info) => info.flags !== 0;
  let bits = 0;
  for (const [i, name] of names.entries()) {
    const bit = RESPONSE_FLAGS.findIndex(([short]) => short === name);
    if (bit === -1) throw new ConfigError(`${path}.flags[${i}]`, `${name} is not a response flag that Tulle sets`);
    bits |= 1 << bit;
  }
  return (info) => (info.flags & bits) !== 0;
}

function denominatorOf(percent: FractionalPercent | undefined, path: string): number {
  const parts = knownPartsOf(percent?.denominator ?? 'HUNDRED');
  if (parts === undefined) throw new ConfigError(`${path}.percent_sampled.denominator`, `${percent?.denominator} is unknown`);
  return parts;
}

/** A share of requests. A request's id decides where it has a number, so that every proxy on its way logs the same requests. */
function sample(config: RuntimeFilter, path: string, random: Random): LogFilter {
  const { useIndependentRandomness } = config;
  const denominator = denominatorOf(config.percentSampled, path);
  const numerator = liveCount({ runtimeKey: config.runtimeKey, defaultValue: config.percentSampled?.numerator ?? 0 }, 0);
  return (info) => {
    const limit = numerator.value;
    const number = useIndependentRandomness ? -1 : numberOf(info);
    // unsigned, so that it is divided as an integer
    return number < 0 ? random() < limit / denominator : (number >>> 0) % denominator < limit;
  };
}

function all(filters: readonly LogFilter[]): LogFilter {
  return (info) => filters.every((passes) => passes(info));
}

function any(filters: readonly LogFilter[]): LogFilter {
  return (info) => filters.some((passes) => passes(info));
}

const NOWHERE: CelScope = { node: { id: '', cluster: '', metadata: {} }, direction: 'unspecified', listenerMetadata: {} };

const GRPC_UNKNOWN = 2;
const statusOf = grpcStatusCommand('NUMBER', '');

/** By the status of a gRPC call, else by what an HTTP status stands for; without either it is unknown. */
function grpcStatus({ statuses, exclude }: GrpcStatusFilter, path: string): LogFilter {
  if (statuses.length === 0) throw new ConfigError(`${path}.statuses`, 'is empty');
  const wanted = new Set<unknown>(statuses);
  return (info) => {
    const text = info.responseTrailers?.get('grpc-status') ?? info.response?.headers.get('grpc-status');
    const status =
      text === undefined ? (statusOf(info) ?? (info.responseCode === 0 ? GRPC_UNKNOWN : grpcStatusOf(info.responseCode))) : Number(text);
    return wanted.has(status) !== exclude;
  };
}

/** By what filters left; `match_if_key_not_found` where they left nothing. */
function metadata({ matcher, matchIfKeyNotFound }: MetadataFilter, path: string): LogFilter {
  if (matcher === undefined) return () => matchIfKeyNotFound ?? true;
  const matches = compileMetadataMatcher(matcher, `${path}.matcher`);
  const keys = matcher.path.map(({ segment }) => segment.value ?? '');
  return (info) => {
    const left = info.metadata.get(matcher.filter);
    return metadataAt(left, keys) === undefined ? (matchIfKeyNotFound ?? true) : matches(left);
  };
}

/** Envoy's kinds of logs by their numbers (envoy.data.accesslog.v3.AccessLogType), whose module only those need who send entries. */
const LOG_TYPES: readonly string[] = [
  'NotSet',
  'TcpUpstreamConnected',
  'TcpPeriodic',
  'TcpConnectionEnd',
  'DownstreamStart',
  'DownstreamPeriodic',
  'DownstreamEnd',
  'UpstreamPoolReady',
  'UpstreamPeriodic',
  'UpstreamEnd',
  'DownstreamTunnelSuccessfullyEstablished',
  'UdpTunnelUpstreamConnected',
  'UdpPeriodic',
  'UdpSessionEnd',
  'TcpConnectionStart',
];

function logType({ types, exclude }: LogTypeFilter, path: string): LogFilter {
  const names = types.map((type) => {
    const name = LOG_TYPES[type];
    if (name === undefined) throw new ConfigError(`${path}.types`, `${type} is unknown`);
    return name;
  });
  return (info) => names.includes(logTypeOf(info)) !== exclude;
}

/** Prepares a filter; none lets everything pass. Throws ConfigError for one that Tulle does not have. */
export function compileLogFilter(config: AccessLogFilter | undefined, path: string, random: Random, scope: CelScope = NOWHERE): LogFilter {
  if (config === undefined) return () => true;
  const { filterSpecifier: filter } = config;
  const each = (filters: readonly AccessLogFilter[], name: string): readonly LogFilter[] =>
    filters.map((inner, i) => compileLogFilter(inner, `${path}.${name}.filters[${i}]`, random, scope));
  switch (filter.case) {
    case 'statusCodeFilter':
      return compare(filter.value.comparison, (info) => info.responseCode, `${path}.status_code_filter`);
    case 'durationFilter':
      return compare(filter.value.comparison, (info) => Math.floor(info.endMs - info.startMs), `${path}.duration_filter`);
    case 'responseFlagFilter':
      return flags(filter.value, `${path}.response_flag_filter`);
    case 'runtimeFilter':
      return sample(filter.value, `${path}.runtime_filter`, random);
    case 'notHealthCheckFilter':
      return (info) => info.isHealthCheck !== true;
    case 'traceableFilter':
      return (info) => info.trace?.isSampled === true;
    case 'headerFilter': {
      if (filter.value.header === undefined) throw new ConfigError(`${path}.header_filter.header`, 'is missing');
      const matches = compileHeaderMatcher(filter.value.header, `${path}.header_filter.header`);
      return ({ request }) => request !== undefined && matches(request);
    }
    case 'grpcStatusFilter':
      return grpcStatus(filter.value, `${path}.grpc_status_filter`);
    case 'metadataFilter':
      return metadata(filter.value, `${path}.metadata_filter`);
    case 'logTypeFilter':
      return logType(filter.value, `${path}.log_type_filter`);
    case 'extensionFilter': {
      const at = `${path}.extension_filter.typed_config`;
      const { expression } = decodeTyped(filter.value.configType.value, ExpressionFilterSchema, at);
      const evaluate = compileExpression(expression, `${at}.expression`, scope);
      return (info) => evaluate(info) === true;
    }
    case 'andFilter':
      return all(each(filter.value.filters, 'and_filter'));
    case 'orFilter':
      return any(each(filter.value.filters, 'or_filter'));
    default:
      throw new ConfigError(path, `access log filter ${filter.case ?? '(empty)'} is not supported by Tulle`);
  }
}
