/** Entries of Envoy's access log service: encoded when they are logged, and sent in batches. */
import { create, toBinary } from '@bufbuild/protobuf';
import { NodeSchema } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { StreamAccessLogsMessageSchema } from '../../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { ProtoWriter } from '../proto-writer.ts';
import { writeHttpEntry, writeTcpEntry } from './als-entry.ts';
import { AlsStream, MAX_WITHOUT_RECEIPT } from './als-stream.ts';
import type { AlsSettings } from './als.ts';
import { entryBatch } from './entry-batch.ts';
import type { LogScope, LogStats } from './settings.ts';
import type { WriteEntry } from './write-entry.ts';

/** Of HTTPAccessLogEntries and TCPAccessLogEntries. */
const LOG_ENTRY_FIELD = 1;

const writer = new ProtoWriter();

/** Writes entries to the service. */
export function alsWriter(settings: AlsSettings, scope: LogScope, stats: LogStats): WriteEntry {
  const { id, cluster } = scope.node;
  const identifier = create(StreamAccessLogsMessageSchema, {
    identifier: { logName: settings.logName, node: create(NodeSchema, { id, cluster, userAgentName: 'tulle' }) },
  });
  const stream = new AlsStream(settings, scope, toBinary(StreamAccessLogsMessageSchema, identifier));
  const batch = entryBatch(
    settings,
    scope,
    stats,
    MAX_WITHOUT_RECEIPT,
    (entries, _, onDone) => stream.send(entries, onDone),
    () => stream.finish(),
  );
  const write = settings.kind === 'http' ? writeHttpEntry : writeTcpEntry;
  return (info) => {
    const at = writer.clear().begin(LOG_ENTRY_FIELD);
    write(writer, info, settings);
    const { written } = writer.end(at);
    batch.add(written, written.length);
  };
}
