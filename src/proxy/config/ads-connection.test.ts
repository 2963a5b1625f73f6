import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { createLog } from '../../core/log.ts';
import { eventually } from '../../core/testing/eventually.ts';
import { portOf } from '../../net/testing/port-of.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { CLUSTER_TYPE } from '../../xds/types.ts';
import { createStats } from '../telemetry/registry.ts';
import { createAdsConnection } from './ads-connection.ts';

/** A connection to `port` that has been started, and what it tells. */
function connect(t: TestContext, port: number) {
  const stats = createStats();
  const lines: string[] = [];
  const connection = createAdsConnection({
    isDelta: true,
    target: { host: '127.0.0.1', port },
    options: {},
    node: create(NodeSchema, { id: 'n' }),
    handler: { onResources() {} },
    random: () => 0.3,
    log: createLog((line) => void lines.push(line), Date.now, 'info'),
    stats: stats.scope('control_plane'),
  });
  connection.subscribe(CLUSTER_TYPE, '*');
  connection.start();
  t.after(() => connection.close());
  return {
    state: () => stats.scope('control_plane').gauge('connected_state').value,
    said: (text: string) => lines.filter((line) => line.includes(text)).length,
  };
}

test('a connection is one that the server takes, whether or not it has anything to say', async (t) => {
  const sessions: http2.ServerHttp2Session[] = [];
  const server = http2.createServer();
  server.on('session', (session) => void sessions.push(session.on('error', () => {})));
  server.on('stream', (stream) => stream.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { state, said } = connect(t, portOf(server));
  assert.equal(state(), 0);
  const isUp = () =>
    eventually(
      () => state() === 1 || undefined,
      () => 'connected_state is 1',
    );
  await isUp();
  sessions[0]?.destroy();
  await eventually(
    () => state() === 0 || undefined,
    () => 'connected_state is 0',
  );
  await isUp();
  assert.equal(sessions.length, 2);
  // the first did not stand for long enough to be told of
  await eventually(
    () => said('info connected to the control plane') === 1 || undefined,
    () => 'the log says so',
  );
  assert.equal(said('no connection to the control plane'), 1);
});

test('who takes connections and drops them is no server', async (t) => {
  const server = net.createServer((socket) => void socket.on('error', () => {}).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { state, said } = connect(t, portOf(server));
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, state())), 1);
  t.after(() => clearInterval(watch));
  await eventually(
    () => said('no connection') > 3 || undefined,
    () => 'it tries again',
  );
  assert.deepEqual([most, said('info connected')], [0, 0]);
});
