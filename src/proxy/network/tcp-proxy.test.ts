import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { until } from '../../core/testing/eventually.ts';
import {
  createTestProxy,
  echoServer,
  exchange,
  portOf,
  readAll,
  serve,
  tcpChain,
  type TestProxy,
  type TestServer,
  typed,
} from '../listener/testing/proxy-pieces.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import type { JsonObject } from '@bufbuild/protobuf';

let proxy: TestProxy;
const servers: TestServer[] = [];

beforeEach(() => {
  proxy = createTestProxy();
});

afterEach(async () => {
  await proxy.close();
  for (const server of servers.splice(0)) server.close();
});

async function started(server: Promise<TestServer>): Promise<number> {
  const running = await server;
  servers.push(running);
  return running.port;
}

/** A port where nobody listens. */
async function deadPort(): Promise<number> {
  const server = await echoServer();
  server.close();
  return server.port;
}

const ACCESS_LOG: JsonObject = {
  accessLog: [
    {
      name: 'file',
      typedConfig: typed(FileAccessLogSchema, {
        path: '/dev/null',
        logFormat: { textFormatSource: { inlineString: '%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER%' } },
      }),
    },
  ],
};

async function listen(cluster: string | undefined, config: JsonObject = {}): Promise<number> {
  const listener = proxy.listener({ filterChains: [tcpChain(cluster, {}, { ...ACCESS_LOG, ...config })] });
  await listener.start();
  return portOf(listener);
}

test('bytes flow both ways, half-close passes through, and everything is counted', async () => {
  // answers only after its client has said all
  const port = await started(serve((socket) => void readAll(socket).then((text) => socket.end(`got ${text}`))));
  const cluster = proxy.tcpCluster('up', [port]);
  assert.equal(await exchange(await listen('up'), 'hello'), 'got hello');
  await until(() => proxy.log.length === 1);
  assert.equal(proxy.log[0], '- 5 9 up');
  assert.equal(proxy.stat('tcp.test.downstream_cx_total'), 1);
  assert.equal(proxy.stat('cluster.up.upstream_cx_total'), 1);
  assert.equal(proxy.stat('cluster.up.upstream_cx_rx_bytes_total'), 9);
  await until(() => cluster.limits.connections.value === 0);
  assert.equal(cluster.hosts[0]?.activeConnections, 0);
  assert.equal(proxy.stat('tcp.test.downstream_cx_active'), 0);
});

test('a server that speaks first is heard', async () => {
  proxy.tcpCluster('up', [await started(serve((socket) => socket.end('220 hello\r\n')))]);
  const socket = net.connect(await listen('up'), '127.0.0.1');
  assert.equal(await readAll(socket), '220 hello\r\n');
});

test('two connections go to two hosts', async () => {
  const names = ['a', 'b'];
  const ports = await Promise.all(names.map((name) => started(serve((socket) => socket.end(name)))));
  proxy.tcpCluster('up', ports);
  const port = await listen('up');
  const answers = [await exchange(port, ''), await exchange(port, '')];
  assert.deepEqual(answers.toSorted(), names);
});

test('weighted clusters share by weight', async () => {
  proxy.tcpCluster('a', [await started(serve((socket) => socket.end('a')))]);
  const clusters = [
    { name: 'none', weight: 1 },
    { name: 'a', weight: 4_000_000_000 },
  ];
  const port = await listen(undefined, { weightedClusters: { clusters } });
  for (let i = 0; i < 3; i++) assert.equal(await exchange(port, ''), 'a');
});

const failures: readonly { name: string; config?: JsonObject; cluster: (() => Promise<void>) | undefined; flags: string }[] = [
  { name: 'no cluster', cluster: undefined, flags: 'NC' },
  { name: 'a cluster without hosts', cluster: async () => void proxy.tcpCluster('up', []), flags: 'UH' },
  { name: 'a host that refuses', cluster: async () => void proxy.tcpCluster('up', [await deadPort()]), flags: 'UF,URX' },
  {
    name: 'no more connections allowed',
    cluster: async () => void proxy.tcpCluster('up', [await deadPort()], { circuitBreakers: { thresholds: [{ maxConnections: 0 }] } }),
    flags: 'UO',
  },
];

for (const { name, cluster, flags } of failures) {
  test(`${name}: the client is closed, with flag ${flags}`, async () => {
    await cluster?.();
    assert.equal(await exchange(await listen('up'), 'x'), '');
    await until(() => proxy.log.length === 1);
    assert.match(proxy.log[0] ?? '', new RegExp(`^(${flags}|${flags.split(',').toReversed().join(',')}) 0 0 `));
  });
}

test('another host is tried where attempts are left', async () => {
  const good = await started(serve((socket) => socket.end('good')));
  const cluster = proxy.tcpCluster('up', [await deadPort(), good]);
  const port = await listen('up', { maxConnectAttempts: 2 });
  for (let i = 0; i < 4; i++) assert.equal(await exchange(port, ''), 'good');
  await until(() => cluster.limits.connections.value === 0);
});

test('hosts that refuse are ejected', async () => {
  const good = await started(serve((socket) => socket.end('good')));
  const dead = await deadPort();
  const cluster = proxy.tcpCluster('up', [dead, good], { outlierDetection: { consecutive5xx: 2, maxEjectionPercent: 50 } });
  const port = await listen('up');
  for (let i = 0; i < 4; i++) await exchange(port, '');
  assert.equal(cluster.hosts[0]?.isHealthy, false);
  for (let i = 0; i < 3; i++) assert.equal(await exchange(port, ''), 'good');
});

test('an idle connection is closed', async () => {
  proxy.tcpCluster('up', [await started(echoServer())]);
  const socket = net.connect(await listen('up', { idleTimeout: '0.05s' }), '127.0.0.1');
  assert.equal(await readAll(socket), '');
  assert.equal(proxy.stat('tcp.test.idle_timeout'), 1);
});

test('a connection that lasts too long is closed', async () => {
  proxy.tcpCluster('up', [await started(echoServer())]);
  const socket = net.connect(await listen('up', { maxDownstreamConnectionDuration: '0.05s' }), '127.0.0.1');
  assert.equal(await readAll(socket), '');
  await until(() => proxy.log.length === 1);
  assert.match(proxy.log[0] ?? '', /^DT /);
});

test('a client that resets takes its upstream connection with it', async () => {
  let upstream: net.Socket | undefined;
  proxy.tcpCluster('up', [await started(serve((socket) => (upstream = socket)))]);
  const socket = net.connect(await listen('up'), '127.0.0.1');
  await until(() => upstream !== undefined);
  socket.resetAndDestroy();
  await until(() => upstream?.destroyed === true);
});

const PAYLOAD_BYTES = 100 * 1024 * 1024;
const CHUNK = Buffer.alloc(256 * 1024, 'x');

test('a slow reader of 100 MiB stops the writer, and memory stays bounded', async () => {
  const before = process.memoryUsage().external;
  let sent = 0;
  let isBlocked = false;
  const fill = (socket: net.Socket): void => {
    while (sent < PAYLOAD_BYTES) {
      sent += CHUNK.length;
      if (!socket.write(CHUNK)) {
        isBlocked = true;
        socket.once('drain', () => {
          isBlocked = false;
          fill(socket);
        });
        return;
      }
    }
    socket.end();
  };
  proxy.tcpCluster('up', [await started(serve(fill))]);
  const socket = net.connect(await listen('up'), '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  // the writer stands still: what is on the way is in the kernel's buffers and ours
  let former = -1;
  while (!isBlocked || sent !== former) {
    former = sent;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(sent < 40 * 1024 * 1024, `${sent} bytes were taken from the writer before anybody read`);
  // both servers and the proxy are this process: all that is kept anywhere for the reader
  const kept = process.memoryUsage().external - before;
  assert.ok(kept < 20 * 1024 * 1024, `${kept} bytes are kept for a reader that does not read`);
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.resume();
  await once(socket, 'end');
  assert.equal(received, PAYLOAD_BYTES);
});
