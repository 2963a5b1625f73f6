/**
 * Entries of Envoy's access log service on their way. Each batch is a stream of its own, with who sends it in its first
 * message: the service sees whole streams, one after the other, where Envoy keeps one open. Source:
 * envoy.service.accesslog.v3.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { NodeSchema } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { StreamAccessLogsMessageSchema } from '../../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { timersOf } from '../../timers.ts';
import { sendStream } from '../../tracing/collector-target.ts';
import { httpEntry, tcpEntry } from './als-entry.ts';
import type { AlsSettings } from './als.ts';
import { unsentOf } from '../unsent.ts';
import { EntryBatch } from './entry-batch.ts';
import type { WriteEntry } from './lazy-logger.ts';
import type { LogScope } from './settings.ts';

const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

/** A field of bytes: its number's tag, its length, the bytes. Entries are encoded once, when they are logged. */
function lengthDelimited(field: number, bytes: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), bytes]);
}

/** Fields of StreamAccessLogsMessage: the entries of requests and of connections. */
const ENTRIES_FIELD = { http: 2, tcp: 3 } as const;

/** Writes entries to the service. */
export function alsWriter(settings: AlsSettings, scope: LogScope): WriteEntry {
  const { id, cluster } = scope.node;
  const identifier = toBinary(
    StreamAccessLogsMessageSchema,
    create(StreamAccessLogsMessageSchema, {
      identifier: { logName: settings.logName, node: create(NodeSchema, { id, cluster, userAgentName: 'tulle' }) },
    }),
  );
  const stats = scope.stats.scope('access_logs.grpc_access_log');
  const batch = new EntryBatch(
    {
      ...settings,
      timers: timersOf(scope.clock),
      unsent: unsentOf(scope.clusters),
      written: stats.counter('logs_written'),
      dropped: stats.counter('logs_dropped'),
    },
    (entries, onDone) => {
      const list = Buffer.concat(entries.map((entry) => lengthDelimited(1, entry)));
      const message = Buffer.concat([identifier, lengthDelimited(ENTRIES_FIELD[settings.kind], list)]);
      sendStream(settings.target, METHOD, message, scope, onDone);
    },
  );
  const encode = settings.kind === 'http' ? httpEntry : tcpEntry;
  return (info) => batch.add(encode(info, settings));
}
