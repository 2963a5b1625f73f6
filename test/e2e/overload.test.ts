/** A proxy at its limits sheds, and does not die: with what its bootstrap says of overload, and without. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '../../src/core/testing/eventually.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { createGenerations } from './generations.ts';
import { root } from './harness.ts';
import { cluster, httpListener, serve, typed, wholeFile } from './static-proxy.ts';

const web = await serve(
  wholeFile(),
  http.createServer({ keepAliveTimeout: 0 }, (_request, response) => response.end('hello')),
);

const resources = (): JsonObject => ({ listeners: [httpListener('web', 'web')], clusters: [cluster('web', web)] });

/** An overload manager with one monitor and one action, which it triggers from `threshold` on. */
function overload(monitor: JsonObject, action: string, threshold: number): JsonObject {
  return {
    refresh_interval: '0.05s',
    resource_monitors: [{ name: 'resource', typed_config: monitor }],
    actions: [{ name: `envoy.overload_actions.${action}`, triggers: [{ name: 'resource', threshold: { value: threshold } }] }],
  };
}

const heap = (bytes: number): JsonObject =>
  typed('envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig', { max_heap_size_bytes: String(bytes) });

test('above its memory a proxy answers 503, and below it serves', { timeout: 180_000 }, async (t) => {
  for (const [bytes, status] of [
    [1024 * 1024, 503],
    [8 * 1024 * 1024 * 1024, 200],
  ] as const) {
    const generations = createGenerations(t, resources, { overload_manager: overload(heap(bytes), 'stop_accepting_requests', 0.9) });
    const proxy = generations.start();
    await proxy.live();
    const answer = await ask({ port: await generations.port('web') }, '/x');
    assert.deepEqual([answer.status, answer.text], [status, status === 200 ? 'hello' : 'envoy overloaded']);
    assert.ok((await generations.stat('overload.resource.pressure')) > 0 || status === 200);
  }
});

test('what the overload manager has not is refused by name', { timeout: 180_000 }, async (t) => {
  const cases: readonly (readonly [JsonObject, RegExp])[] = [
    [
      overload(heap(1), 'reset_high_memory_stream', 0.9),
      /overload_manager\.actions\[0\]\.name: \S+reset_high_memory_stream is not supported/,
    ],
    [
      { ...overload(heap(1), 'shrink_heap', 2) },
      /overload_manager\.actions\[0\]\.triggers\[0\]\.threshold\.value: 2 is not between 0 and 1/,
    ],
    [
      { ...overload(heap(1), 'shrink_heap', 0.5), loadshed_points: [{ name: 'envoy.load_shed_points.tcp_listener_accept' }] },
      /overload_manager\.loadshed_points/,
    ],
    [
      { actions: [{ name: 'envoy.overload_actions.shrink_heap', triggers: [{ name: 'none', threshold: { value: 1 } }] }] },
      /there is no resource monitor none/,
    ],
  ];
  for (const [manager, expected] of cases) {
    const generations = createGenerations(t, resources, { overload_manager: manager });
    const proxy = generations.start();
    assert.equal(await proxy.ended, 1);
    assert.match(proxy.log(), expected);
  }
});

test('at its limit of descriptors a proxy refuses connections, serves those it has, and recovers', { timeout: 180_000 }, async (t) => {
  const generations = createGenerations(t, resources);
  const socketPath = path.join(generations.folder, 'admin.sock');
  // a shell sets the limit for the process that takes its place
  const command = `ulimit -n 128; exec "${process.execPath}" "${path.join(root, 'bin/tulle.js')}" proxy -c "${path.join(generations.folder, 'bootstrap.json')}"`;
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await eventually(
    () => /proxy live/.test(log) || undefined,
    () => log,
  );
  const port = await generations.port('web');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const get = (): Promise<number> =>
    new Promise((resolve, reject) => {
      http
        .get({ host: '127.0.0.1', port, path: '/x', agent }, (response) => resolve(response.resume().statusCode ?? 0))
        .on('error', reject);
    });
  assert.equal(await get(), 200);
  const sockets = Array.from({ length: 200 }, () => net.connect(port, '127.0.0.1').on('error', () => {}));
  let closed = 0;
  for (const socket of sockets) socket.on('close', () => closed++);
  await eventually(
    () => closed > 50 || undefined,
    () => `${closed} connections are refused`,
  );
  for (let i = 0; i < 20; i++) assert.equal(await get(), 200);
  for (const socket of sockets) socket.destroy();
  agent.destroy();
  await eventually(
    async () => ((await ask({ port }, '/x')).status === 200 ? true : undefined),
    () => `new connections are served again\n${log}`,
  );
  assert.equal(child.exitCode, null);
  assert.match((await ask({ socketPath }, '/stats?filter=tulle.descriptors')).text, /overload\.tulle\.descriptors\.pressure: \d+/);
});

test('at its limit of connections a proxy refuses new ones', { timeout: 180_000 }, async (t) => {
  const monitor = typed('envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig', {
    max_active_downstream_connections: '3',
  });
  const generations = createGenerations(t, resources, {
    overload_manager: { resource_monitors: [{ name: 'envoy.resource_monitors.global_downstream_max_connections', typed_config: monitor }] },
  });
  await generations.start().live();
  const port = await generations.port('web');
  const sockets = Array.from({ length: 3 }, () => net.connect(port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await eventually(
    async () => ((await generations.stat('http.web.downstream_cx_active')) === 3 ? true : undefined),
    () => 'all three are accepted',
  );
  await assert.rejects(ask({ port }, '/x'));
  sockets[0]?.destroy();
  await eventually(
    async () => ((await ask({ port }, '/x')).status === 200 ? true : undefined),
    () => 'there is room again',
  );
  for (const socket of sockets) socket.destroy();
});
