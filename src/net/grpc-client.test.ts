import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { portOf } from './testing/port-of.ts';
import { AccessLogService } from '../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import { openStream } from './grpc-client.ts';

/** An HTTP/2 frame of settings without any. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

test('a server that goes silent fails the stream, and nothing else', async (t) => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(SETTINGS));
    socket.resume();
  });
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const method = AccessLogService.method.streamAccessLogs;
  const stream = openStream({ host: '127.0.0.1', port: portOf(server) }, method, { pingIntervalMs: 20, pingTimeoutMs: 20 });
  stream.send({});
  await assert.rejects(async () => {
    for await (const _ of stream.responses);
  }, /PING timed out/);
  // an error that nobody listens for would come now, and end the process
  for (let i = 0; i < 20; i++) await turn();
});
