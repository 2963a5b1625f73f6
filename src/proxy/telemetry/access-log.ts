/** Access logs: one line a request or connection, as `envoy.config.accesslog.v3` says. Source: Envoy, "Access logging". */
import type { Random } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import type { AccessLog } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import type { SubstitutionFormatString } from '../../xds/gen/envoy/config/core/v3/substitution_format_string_pb.ts';
import { type FileAccessLog, FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import {
  type StderrAccessLog,
  StderrAccessLogSchema,
  type StdoutAccessLog,
  StdoutAccessLogSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts';
import type { Any } from '@bufbuild/protobuf/wkt';
import {
  HttpGrpcAccessLogConfigSchema,
  TcpGrpcAccessLogConfigSchema,
} from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import { OpenTelemetryAccessLogConfigSchema } from '../../xds/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.ts';
import { httpAls, tcpAls } from './log-service/als.ts';
import type { WriteEntry } from './log-service/write-entry.ts';
import { otelLogger } from './log-service/otel.ts';
import type { LogScope } from './log-service/settings.ts';
import { decodeTyped, typeNameOf } from '../config/typed-config.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileLogFilter } from './access-log-filter.ts';
import { compileLine } from './format-line.ts';
import { BYTES, compileFormatString, type WriteText } from './format-string.ts';
import type { LogSink } from './log-sink.ts';

export type { LogSink } from './log-sink.ts';

/** What writes the lines of one connection manager, TCP proxy or listener. */
export interface AccessLogger {
  /** Called once, when the stream is over and its info complete. */
  log(info: StreamInfo): void;
  /** Called now and then while a connection lasts; absent where nobody is told of that. */
  readonly logOpen?: (info: StreamInfo) => void;
  /** Every stream has a line. */
  readonly writesAll: boolean;
}

/** Envoy's format where the configuration has none. */
const DEFAULT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** A file's lines, of which each character is a byte, or entries for a service. */
type Destination = { readonly path: string; readonly line: WriteText } | { readonly path: undefined; readonly write: WriteEntry };

function compileLogFormat(config: SubstitutionFormatString | undefined, path: string): WriteText {
  return config === undefined ? compileLine(DEFAULT_FORMAT, path) : compileFormatString(config, path, DEFAULT_FORMAT, BYTES);
}

function compileFileFormat({ accessLogFormat }: FileAccessLog, path: string): WriteText {
  switch (accessLogFormat.case) {
    case 'format':
      return compileLine(accessLogFormat.value === '' ? DEFAULT_FORMAT : accessLogFormat.value, `${path}.format`);
    case 'jsonFormat':
    case 'typedJsonFormat':
      return BYTES.json(accessLogFormat.value, `${path}.json_format`, false);
    case 'logFormat':
      return compileLogFormat(accessLogFormat.value, `${path}.log_format`);
    case undefined:
      return compileLine(DEFAULT_FORMAT, path);
  }
}

function streamFormat(config: StdoutAccessLog | StderrAccessLog, path: string): WriteText {
  return compileLogFormat(config.accessLogFormat.value, `${path}.log_format`);
}

function destinationOf(config: AccessLog, path: string, scope: LogScope | undefined): Destination {
  const any = config.configType.value;
  const at = `${path}.typed_config`;
  switch (any === undefined ? '' : typeNameOf(any)) {
    case StdoutAccessLogSchema.typeName:
      return { path: '/dev/stdout', line: streamFormat(decodeTyped(any, StdoutAccessLogSchema, at), at) };
    case StderrAccessLogSchema.typeName:
      return { path: '/dev/stderr', line: streamFormat(decodeTyped(any, StderrAccessLogSchema, at), at) };
    case FileAccessLogSchema.typeName: {
      const file = decodeTyped(any, FileAccessLogSchema, at);
      if (file.path === '') throw new ConfigError(`${at}.path`, 'is empty; a file is needed');
      return { path: file.path, line: compileFileFormat(file, at) };
    }
    default: {
      const create = any === undefined || scope === undefined ? undefined : SERVICES.get(typeNameOf(any));
      if (create !== undefined && scope !== undefined) return { path: undefined, write: create(any, at, scope) };
      throw new ConfigError(
        at,
        `access logger ${config.name} is not supported by Tulle; file, stdout, stderr, http_grpc, tcp_grpc and open_telemetry are`,
      );
    }
  }
}

/** Loggers that send to a service, by the message that configures them. */
const SERVICES: ReadonlyMap<string, (any: Any | undefined, path: string, scope: LogScope) => WriteEntry> = new Map([
  [HttpGrpcAccessLogConfigSchema.typeName, httpAls],
  [TcpGrpcAccessLogConfigSchema.typeName, tcpAls],
  [OpenTelemetryAccessLogConfigSchema.typeName, otelLogger],
]);

/**
 * Prepares access logs. `path` is that of the list (`access_log`); lines go to `sink`. `random` decides samples of
 * requests without a request id; `scope` is what loggers that send to a service need. Throws ConfigError for a logger, filter or formatter command that Tulle does not have.
 */
export function createAccessLogs(
  configs: readonly AccessLog[],
  path: string,
  sink: LogSink,
  random: Random = Math.random,
  scope?: LogScope,
): AccessLogger {
  const loggers = configs.map((config, i) => {
    const to = destinationOf(config, `${path}[${i}]`, scope);
    const passes = compileLogFilter(config.filter, `${path}[${i}].filter`, random, scope);
    return { passes, to };
  });
  // files are opened last: a configuration that is refused must leave none behind
  const writers = loggers.map(({ passes, to }) => {
    if (to.path === undefined) return { passes, write: to.write };
    const target = sink.target(to.path);
    const { line } = to;
    const write: WriteEntry = (info) => target.write(line(info));
    return { passes, write };
  });
  const logTo = (those: typeof writers) => (info: StreamInfo) => {
    for (const { passes, write } of those) if (passes(info)) write(info);
  };
  const writesAll = loggers.some(({ to }, i) => to.path !== undefined && configs[i]?.filter === undefined);
  const telling = writers.filter(({ write }) => write.tellsOpen === true);
  return { log: logTo(writers), writesAll, ...(telling.length > 0 && { logOpen: logTo(telling) }) };
}
