/** Sends entries as a proxy does, for tests. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FLOW_LOG } from '../../../core/flow-log.ts';
import type { NodeSchema } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { StreamAccessLogsMessageSchema } from '../../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { FLOW_METHOD } from '../receiver.ts';

export interface Sending {
  readonly socket: string;
  readonly token?: string;
  readonly logName?: string;
  /** Undefined: the stream does not say who sends. */
  readonly node?: MessageInitShape<typeof NodeSchema>;
  readonly entries?: MessageInitShape<typeof StreamAccessLogsMessageSchema>['logEntries'];
  /** Instead of a message. */
  readonly bytes?: Uint8Array;
}

/** The node of `web` in namespace shop. */
export const WEB_NODE = {
  id: 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local',
  metadata: { NAMESPACE: 'shop', WORKLOAD_NAME: 'web', SERVICE_ACCOUNT: 'web' },
} satisfies MessageInitShape<typeof NodeSchema>;

function messageOf({ node, logName = FLOW_LOG, entries, bytes }: Sending): Uint8Array {
  if (bytes !== undefined) return bytes;
  const message = create(StreamAccessLogsMessageSchema, {
    ...(node !== undefined && { identifier: { node, logName } }),
    ...(entries !== undefined && { logEntries: entries }),
  });
  return toBinary(StreamAccessLogsMessageSchema, message);
}

/** One stream of one message; gRPC's status, and its message where it is refused. */
export async function sendEntries(sending: Sending): Promise<string> {
  const session = http2.connect('http://localhost', { createConnection: () => connectTo(sending.socket) });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': FLOW_METHOD,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(sending.token !== undefined && { authorization: `Bearer ${sending.token}` }),
    });
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('trailers', (all: http2.IncomingHttpHeaders) => (trailers = all));
    const message = messageOf(sending);
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.resume();
    stream.end(Buffer.concat([prefix, message]));
    await once(stream, 'close');
    return [trailers['grpc-status'], decodeURIComponent(String(trailers['grpc-message'] ?? ''))].join(' ').trim();
  } finally {
    session.destroy();
  }
}

function connectTo(socket: string): net.Socket {
  return net.connect(socket);
}
