/** A proxy's start loads what its bootstrap uses: each of these checks once failed by tens of milliseconds. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { createLog } from '../../src/core/log.ts';
import { loadBootstrap } from '../../src/proxy/config/bootstrap.ts';
import { validateBootstrap } from '../../src/proxy/main.ts';
import { LazyFile } from '../../src/xds/descriptors/file.ts';
import { BUNDLE } from '../../tools/bundle.ts';
import { root } from './harness.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tulle-footprint-'));
after(() => rmSync(folder, { recursive: true }));

const BOOTSTRAP = {
  node: { id: 'sidecar~127.0.0.1~a.b~b.svc.cluster.local' },
  static_resources: {
    listeners: [
      {
        name: 'tcp',
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [
          {
            filters: [
              {
                name: 'tcp',
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                  stat_prefix: 't',
                  cluster: 'c',
                },
              },
            ],
          },
        ],
      },
    ],
    clusters: [{ name: 'c', connect_timeout: '1s', type: 'STATIC', load_assignment: { cluster_name: 'c', endpoints: [] } }],
  },
};

const file = path.join(folder, 'bootstrap.json');
writeFileSync(file, JSON.stringify(BOOTSTRAP));

/** Names of Node's own modules that a process has loaded once it says that it serves. */
async function modulesOf(program: string): Promise<string[]> {
  const hook = path.join(folder, 'hook.cjs');
  writeFileSync(
    hook,
    "process.on('message', () => process.send(process.moduleLoadList.map((name) => name.replace('NativeModule ', ''))));",
  );
  const child = spawn(process.execPath, ['--require', hook, program, 'proxy', '-c', file], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  try {
    for await (const chunk of child.stderr ?? []) if (String(chunk).includes('proxy live')) break;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    child.once('message', resolve);
    child.send('list');
    const list = await promise;
    return Array.isArray(list) ? list.map(String) : [];
  } finally {
    child.kill('SIGKILL');
  }
}

test('of the generated descriptors only those are read that a bootstrap needs', async () => {
  const { bootstrap } = await loadBootstrap(file);
  await validateBootstrap(
    bootstrap,
    createLog(() => undefined, Date.now, 'off'),
  );
  const read: string[] = [];
  const gen = path.join(root, 'src/xds/gen');
  const files = globSync('**/*_pb.ts', { cwd: gen });
  for (const name of files) {
    const module: Record<string, unknown> = await import(path.join(gen, name));
    if (Object.values(module).some((value) => value instanceof LazyFile && value.isRead)) read.push(name);
  }
  assert.ok(read.includes('envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts'));
  const needless = read.filter((name) => /filters\/http|http_connection_manager|route_components|jwt|rbac/.test(name));
  assert.deepEqual(needless, []);
  assert.ok(read.length < files.length / 3, `${read.length} of ${files.length}: ${read.join(' ')}`);
});

const program = path.join(folder, 'dist/tulle.js');
before(async () => {
  await build({ ...BUNDLE, entryPoints: { tulle: path.join(root, 'src/cli/main.ts') }, outdir: path.dirname(program) });
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
});

test('the built program loads no module of Node that no proxy needs', async () => {
  const modules = await modulesOf(program);
  assert.ok(modules.includes('net'));
  const costly = [
    'http',
    'http2',
    'https',
    'inspector',
    'readline',
    'repl',
    'internal/deps/undici/undici',
    'internal/webstreams/readablestream',
  ];
  assert.deepEqual(
    costly.filter((name) => modules.includes(name)),
    [],
  );
});

test('the control plane of the built program serves: descriptors of packages are made as ours are', async () => {
  const args = ['control', path.join(root, 'examples/shop/mesh'), '--state-dir', path.join(folder, 'state')];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  try {
    for await (const chunk of child.stderr) if ((said += String(chunk)).includes('control plane serves')) break;
  } finally {
    child.kill('SIGKILL');
  }
  assert.match(said, /control plane serves/);
});
