/** A collector of spans, log records and access logs: it keeps what a proxy sends by OTLP, Zipkin's JSON and Envoy's ALS. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { type DescMessage, fromBinary, toJson, type JsonValue } from '@bufbuild/protobuf';
import { StreamAccessLogsMessageSchema } from '../../../src/xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { ExportLogsServiceRequestSchema } from '../../../src/xds/gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts';
import { ExportTraceServiceRequestSchema } from '../../../src/xds/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts';
import type { Servers } from './proxies.ts';

/** One request that came: its path and fields, and what its body says, as JSON. */
export interface Collected {
  readonly path: string;
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: JsonValue;
}

interface Collector extends Servers {
  readonly received: readonly Collected[];
}

const SCHEMAS: Readonly<Record<string, DescMessage>> = {
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export': ExportTraceServiceRequestSchema,
  '/opentelemetry.proto.collector.logs.v1.LogsService/Export': ExportLogsServiceRequestSchema,
  '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs': StreamAccessLogsMessageSchema,
  '/v1/traces': ExportTraceServiceRequestSchema,
  '/v1/logs': ExportLogsServiceRequestSchema,
};

const PREFIX_BYTES = 5;

/** Takes whole messages of gRPC off the front of `bytes`; gives the rest. */
function takeFrames(bytes: Buffer, onMessage: (message: Uint8Array) => void): Buffer {
  let rest = bytes;
  while (rest.length >= PREFIX_BYTES && rest.length >= PREFIX_BYTES + rest.readUInt32BE(1)) {
    const end = PREFIX_BYTES + rest.readUInt32BE(1);
    onMessage(rest.subarray(PREFIX_BYTES, end));
    rest = rest.subarray(end);
  }
  return rest;
}

function decode(path: string, bytes: Uint8Array): JsonValue {
  const schema = SCHEMAS[path];
  return schema === undefined ? (JSON.parse(Buffer.from(bytes).toString()) as JsonValue) : toJson(schema, fromBinary(schema, bytes));
}

function serveGrpc(stream: http2.ServerHttp2Stream, fields: http2.IncomingHttpHeaders, received: Collected[]): void {
  const path = String(fields[':path']);
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (piece: Buffer) => {
    rest = takeFrames(Buffer.concat([rest, piece]), (message) => received.push({ path, fields, body: decode(path, message) }));
  });
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.on('end', () => stream.end(Buffer.alloc(PREFIX_BYTES)));
}

function serveHttp(request: http.IncomingMessage, response: http.ServerResponse, received: Collected[]): void {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => void pieces.push(piece));
  request.on('end', () => {
    const path = request.url ?? '';
    received.push({ path, fields: request.headers, body: decode(path, Buffer.concat(pieces)) });
    response.writeHead(path.startsWith('/api/') ? 202 : 200).end();
  });
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Starts it; its ports are `collector` (gRPC) and `collectorHttp`. */
export async function startCollector(): Promise<Collector> {
  const received: Collected[] = [];
  const grpc = http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  grpc.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.once('close', () => sessions.delete(session));
  });
  grpc.on('stream', (stream, fields) => serveGrpc(stream, fields, received));
  const plain = http.createServer({ keepAliveTimeout: 0 }, (request, response) => serveHttp(request, response, received));
  return {
    received,
    ports: { collector: await listen(grpc), collectorHttp: await listen(plain) },
    async close() {
      for (const session of sessions) session.destroy();
      plain.closeAllConnections();
      await Promise.all([grpc, plain].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}
