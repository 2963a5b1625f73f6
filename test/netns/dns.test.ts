/** Names that the mesh does not know: intercepted, and forwarded by the proxy to the machine's own name servers. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DNS_PORT, nftInterception, PROXY_GID } from '../../src/net/intercept-rules.ts';
import type { NetworkNamespace } from '../../src/net/netns.ts';
import { OUTSIDE_ADDRESS, OUTSIDE_NAME } from './name-server.ts';
import { order } from './order.ts';
import { pair, skip, tool } from './pair.ts';

const PEER = '10.127.250.3';
const root = path.resolve(import.meta.dirname, '../..');

function start(namespace: NetworkNamespace, args: readonly string[], gid?: number): ChildProcess {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return namespace.run(() => spawn(process.execPath, args, { stdio, ...(gid === undefined ? {} : { gid }) }));
}

/** Waits until a process has printed `pattern`. */
async function said(child: ChildProcess, pattern: RegExp): Promise<void> {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  while (!pattern.test(text)) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${text}`);
    await delay(20);
  }
}

test('a name that is not of the mesh is asked of the name servers of the machine', { skip }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-dns-'));
  chmodSync(folder, 0o755);
  const { app, peer } = pair((namespace) => tool(namespace, 'nft', ['-f', '-'], nftInterception(true)));
  const children: ChildProcess[] = [];
  t.after(async () => {
    for (const child of children) {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
    }
    app.close();
    peer.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const dns = { addresses: ['127.0.0.1', '::1'], port: DNS_PORT, upstreams: [{ address: PEER, port: 53 }] };
  const bootstrap = path.join(folder, 'bootstrap.json');
  writeFileSync(bootstrap, JSON.stringify({ node: { id: 'app', metadata: { TULLE: { dns } } } }));
  const socket = path.join(folder, 'app.sock');
  const server = start(peer, [path.join(import.meta.dirname, 'name-server.ts'), PEER]);
  const proxy = start(app, [path.join(root, 'bin/tulle.js'), 'proxy', '-c', bootstrap], PROXY_GID);
  children.push(server, proxy, start(app, [path.join(import.meta.dirname, 'agent.ts'), socket]));
  await Promise.all([said(server, /ready/), said(proxy, /proxy live/)]);
  while (!existsSync(socket)) await delay(20);

  const cases = [
    { name: OUTSIDE_NAME, server: '198.51.100.53', want: `${OUTSIDE_ADDRESS} ENODATA` },
    { name: OUTSIDE_NAME, server: 'fd00::53', want: `${OUTSIDE_ADDRESS} ENODATA` },
    { name: OUTSIDE_NAME, server: '127.0.0.53', want: `${OUTSIDE_ADDRESS} ENODATA` },
    { name: 'nobody.test', server: '198.51.100.53', want: 'ENOTFOUND ENOTFOUND' },
  ];
  for (const { want, ...row } of cases) assert.equal(await order(socket, { kind: 'dns', ...row }), want, `${row.name} at ${row.server}`);
});
