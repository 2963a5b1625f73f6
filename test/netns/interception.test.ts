/** Interception in real network namespaces: needs Linux, root, ip and nft (or iptables). */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { DNS_PORT, INBOUND_PORT, iptablesInterception, nftInterception, OUTBOUND_PORT, PROXY_GID } from '../../src/net/intercept-rules.ts';
import type { NetworkNamespace } from '../../src/net/netns.ts';
import { createNetworkNamespace } from '../../src/net/netns.ts';
import { originalDestination } from '../../src/net/sys.ts';
import { pair, skip, tool } from './pair.ts';

/** A server in a namespace that tells each client its port and where the connection was going. */
function teller(namespace: NetworkNamespace, port: number): Server {
  const server = createServer((socket) => {
    const handle: unknown = Reflect.get(socket, '_handle');
    assert.ok(typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number');
    const destination = originalDestination(handle.fd, socket.remoteFamily === 'IPv6');
    socket.on('error', () => undefined);
    socket.end(`${port} ${destination?.host} ${destination?.port}`);
  });
  // without a host listening starts at once, while this thread is still in the namespace
  namespace.run(() => server.listen({ port, exclusive: true }));
  return server;
}

const ASK = `const s = require('net').connect(+process.argv[2], process.argv[1]); s.setTimeout(2000, () => { console.log('timeout'); process.exit(); });
s.on('error', (e) => console.log(e.code)); s.on('data', (d) => console.log(String(d))); s.on('connect', () => s.setTimeout(2000));`;

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return text.trim();
}

async function ask(namespace: NetworkNamespace, host: string, port: number, gid?: number): Promise<string> {
  const options = { stdio: ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'], ...(gid === undefined ? {} : { gid }) };
  return output(namespace.run(() => spawn(process.execPath, ['-e', ASK, host, String(port)], options)));
}

const VIP = '10.96.0.10';
const VIP6 = 'fd00:96::a';
const APP = '10.127.250.2';
const APP6 = 'fd74:756c:6c65:250::2';
const PEER = '10.127.250.3';

const CASES = [
  { name: 'the application calls a service', from: 'app', to: VIP, port: 80, want: `${OUTBOUND_PORT} ${VIP} 80` },
  { name: 'the application calls a service over IPv6', from: 'app', to: VIP6, port: 80, want: `${OUTBOUND_PORT} ${VIP6} 80` },
  { name: 'a peer calls the application', from: 'peer', to: APP, port: 8080, want: `${INBOUND_PORT} ${APP} 8080` },
  { name: 'a peer calls the application over IPv6', from: 'peer', to: APP6, port: 8080, want: `${INBOUND_PORT} ${APP6} 8080` },
  { name: 'the proxy calls a peer', from: 'app', gid: PROXY_GID, to: PEER, port: 8080, want: '8080 ' },
  { name: 'the application calls itself by its address', from: 'app', to: APP, port: 8080, want: '8080 ' },
  { name: 'the application calls itself by localhost', from: 'app', to: '127.0.0.1', port: 8080, want: '8080 ' },
  { name: 'the proxy calls its own address', from: 'app', gid: PROXY_GID, to: APP, port: 8080, want: `${INBOUND_PORT} ${APP} 8080` },
  { name: 'the proxy calls localhost', from: 'app', gid: PROXY_GID, to: '127.0.0.1', port: 8080, want: '8080 ' },
  { name: 'DNS over TCP', from: 'app', to: '192.0.2.53', port: 53, want: `${DNS_PORT} 192.0.2.53 53` },
  {
    name: "DNS over TCP to a stub on the application's own loopback",
    from: 'app',
    to: '127.0.0.53',
    port: 53,
    want: `${DNS_PORT} 127.0.0.53 53`,
  },
  { name: 'a peer calls an excluded port', from: 'peer', to: APP, port: 15090, want: '15090 ' },
] as const;

const BACKENDS = [
  { name: 'nft', install: (app: NetworkNamespace) => tool(app, 'nft', ['-f', '-'], nftInterception(true)) },
  {
    name: 'iptables',
    install: (app: NetworkNamespace) => {
      tool(app, 'iptables-restore', ['-w'], iptablesInterception('ipv4'));
      tool(app, 'ip6tables-restore', ['-w'], iptablesInterception('ipv6'));
    },
  },
];

for (const { name, install } of BACKENDS) {
  const missing = spawnSync(name, ['--version']).error === undefined ? false : `needs ${name}`;
  test(`interception by ${name}`, { skip: skip === false ? missing : skip }, async (t) => {
    const { app, peer } = pair(install);
    const servers = [OUTBOUND_PORT, INBOUND_PORT, DNS_PORT, 8080, 15090].map((port) => teller(app, port));
    servers.push(teller(peer, 8080));
    t.after(() => {
      for (const server of servers) server.close();
      app.close();
      peer.close();
    });
    const answers = await Promise.all(
      CASES.map((row) => ask(row.from === 'app' ? app : peer, row.to, row.port, 'gid' in row ? row.gid : undefined)),
    );
    for (const [index, row] of CASES.entries()) {
      await t.test(row.name, () => assert.match(`${answers[index]} `, new RegExp(`^${row.want.replaceAll('.', '\\.')}`)));
    }
  });
}

test('a connection made from inside is refused where nothing listens', { skip }, async (t) => {
  const namespace = createNetworkNamespace();
  t.after(() => namespace.close());
  tool(namespace, 'ip', ['link', 'set', 'lo', 'up']);
  await assert.rejects(namespace.connect('127.0.0.1', 81, 1_000), /127\.0\.0\.1:81 refused/);
});
