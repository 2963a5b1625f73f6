/** What the configuration makes of responses of our own: other statuses, bodies, fields and formats. Envoy: LocalReplyConfig. */
import type { Random } from '../../core/clock.ts';
import { ConfigError } from '../../core/errors.ts';
import { headersOf } from '../../wire/http/headers.ts';
import type {
  LocalReplyConfig,
  ResponseMapper,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { compileHeaderChanges, type HeaderChange } from '../router/header-mutations.ts';
import { compileLogFilter, type LogFilter } from '../telemetry/access-log-filter.ts';
import { type BodyFormat, compileBodyFormat } from '../telemetry/format-body.ts';
import { readDataSource } from '../tls/data-source.ts';
import type { LocalReply } from './filter.ts';
import type { StreamInfo } from './stream-info.ts';

type Reply = Omit<LocalReply, 'details'>;

/** Gives the reply that goes out in the place of another. `info.responseCode` becomes its status. */
export type MapReply = (reply: Reply, info: StreamInfo) => Reply;

interface Mapper {
  readonly matches: LogFilter;
  readonly status: number | undefined;
  readonly body: string | undefined;
  readonly format: BodyFormat | undefined;
  readonly changes: readonly HeaderChange[];
}

function compileMapper(config: ResponseMapper, path: string, random: Random): Mapper {
  const { filter, statusCode: status, body } = config;
  if (filter === undefined) throw new ConfigError(`${path}.filter`, 'is missing');
  if (status !== undefined && (status < 200 || status > 599))
    throw new ConfigError(`${path}.status_code`, `${status} is not in [200, 599]`);
  return {
    matches: compileLogFilter(filter, `${path}.filter`, random),
    status,
    body: body && readDataSource(body, `${path}.body`),
    format: compileBodyFormat(config.bodyFormatOverride, `${path}.body_format_override`),
    changes: compileHeaderChanges(config.headersToAdd, `${path}.headers_to_add`),
  };
}

/** The reply's fields after a mapper's changes. */
function changedFields(reply: Reply, changes: readonly HeaderChange[], info: StreamInfo): Reply['headers'] {
  if (changes.length === 0) return reply.headers;
  const headers = headersOf(reply.headers ?? []);
  for (const change of changes) change(headers, info);
  const fields: [string, string][] = [];
  headers.forEach((name, value) => fields.push([name, value]));
  return fields;
}

function formatted(reply: Reply, format: BodyFormat, info: StreamInfo): Reply {
  const others = (reply.headers ?? []).filter(([name]) => name.toLowerCase() !== 'content-type');
  return { ...reply, body: format.render(info, reply.body ?? ''), headers: [...others, ['content-type', format.contentType]] };
}

/** Prepares `local_reply_config`; undefined where there is none. `path` is the configuration's own. */
export function compileReplyMap(config: LocalReplyConfig | undefined, path: string, random: Random): MapReply | undefined {
  if (config === undefined) return undefined;
  const mappers = config.mappers.map((mapper, i) => compileMapper(mapper, `${path}.mappers[${i}]`, random));
  const common = compileBodyFormat(config.bodyFormat, `${path}.body_format`);
  return (reply, info) => {
    info.responseCode = reply.status;
    const mapper = mappers.find(({ matches }) => matches(info));
    // fields are written before the status changes, the body after
    const headers = changedFields(reply, mapper?.changes ?? [], info);
    const status = mapper?.status ?? reply.status;
    const mapped: Reply = { ...reply, status, body: mapper?.body ?? reply.body ?? '', ...(headers === undefined ? {} : { headers }) };
    info.responseCode = status;
    const format = mapper?.format ?? common;
    return format === undefined ? mapped : formatted(mapped, format, info);
  };
}
