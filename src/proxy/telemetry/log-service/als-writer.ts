/**
 * Entries of Envoy's access log service on their way. Each batch is a stream of its own, with who sends it in its first
 * message: the service sees whole streams, one after the other, where Envoy keeps one open. Source:
 * envoy.service.accesslog.v3.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { NodeSchema } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { StreamAccessLogsMessageSchema } from '../../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { sendStream } from '../../tracing/collector-target.ts';
import { ProtoWriter } from '../proto-writer.ts';
import { httpEntry, tcpEntry } from './als-entry.ts';
import type { AlsSettings } from './als.ts';
import { batchEntries } from './entry-batch.ts';
import type { WriteEntry } from './lazy-logger.ts';
import type { LogScope } from './settings.ts';

const METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

/** Fields of StreamAccessLogsMessage: the entries of requests and of connections. */
const ENTRIES_FIELD = { http: 2, tcp: 3 } as const;
/** Of HTTPAccessLogEntries and TCPAccessLogEntries. */
const LOG_ENTRY_FIELD = 1;

/** Writes entries to the service. */
export function alsWriter(settings: AlsSettings, scope: LogScope): WriteEntry {
  const { id, cluster } = scope.node;
  const identifier = toBinary(
    StreamAccessLogsMessageSchema,
    create(StreamAccessLogsMessageSchema, {
      identifier: { logName: settings.logName, node: create(NodeSchema, { id, cluster, userAgentName: 'tulle' }) },
    }),
  );
  const write = batchEntries(settings, 'access_logs.grpc_access_log', scope, (entries, onDone) => {
    // they were encoded when they were logged
    const message = new ProtoWriter().raw(identifier).nested(ENTRIES_FIELD[settings.kind], (list) => {
      for (const entry of entries) list.message(LOG_ENTRY_FIELD, entry);
    });
    sendStream(settings.target, METHOD, message.written, scope, onDone);
  });
  const encode = settings.kind === 'http' ? httpEntry : tcpEntry;
  return (info) => write(encode(info, settings));
}
