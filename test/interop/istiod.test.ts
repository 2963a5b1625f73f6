/**
 * Our proxies under Istio's own control plane, unchanged: its certificate authority signs for them, its xDS configures
 * them, and they take all of it. As docs/under-istiod.md has it.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../../src/core/testing/eventually.ts';
import { type Answer, ask, speakPlaintext } from '../../src/cli/demo/client.ts';
import { freePort } from './envoy-process.ts';
import {
  ADDRESSES,
  bridge,
  canUnshare,
  type App,
  HOST,
  type Instance,
  type MeshPorts,
  MESH_CONFIG,
  MORE,
  meshYaml,
  type MeshProxy,
  POLICY,
  routesYaml,
  startAgent,
  startApp,
  startIsolated,
  startWorkload,
} from './istiod-mesh.ts';
import { type Istiod, istiodMissing, startIstiod } from './istiod-process.ts';

/** What a socket says until it ends, after `text` was said to it. */
function converse(port: number, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let heard = '';
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => (text === '' ? undefined : socket.end(text)));
  socket.setTimeout(5000, () => socket.destroy(new Error(`nothing more in 5 s after ${JSON.stringify(heard)}`)));
  socket.on('data', (chunk) => (heard += chunk.toString()));
  socket.on('error', reject);
  socket.on('end', () => socket.end());
  socket.on('close', () => resolve(heard));
  return promise;
}

/** The one line of a metric whose labels have these, without the others: its value. */
function valueOf(metrics: string, name: string, labels: Readonly<Record<string, string>>): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name}{`));
  const found = lines.filter((line) => Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)));
  return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const istioLines = (metrics: string): string =>
  metrics
    .split('\n')
    .filter((line) => line.startsWith('istio_'))
    .join('\n');

describe('our proxies under a real istiod', { skip: istiodMissing, timeout: 180_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-istiod-'));
  const mesh = path.join(folder, 'mesh');
  const apps: App[] = [];
  const proxies = new Map<Instance, MeshProxy>();
  let istiod: Istiod;
  let ports: MeshPorts;

  const proxy = (instance: Instance): MeshProxy => {
    const found = proxies.get(instance);
    assert(found !== undefined, `no proxy of ${instance}`);
    return found;
  };
  const write = (file: string, yaml: string): void => writeFileSync(path.join(mesh, file), yaml);
  const call = (url: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask({ port: ports.http }, url, { headers: { host: `${HOST}:${ports.http}`, ...headers } });
  const nameIn = ({ text }: Answer): unknown => Reflect.get(Object(JSON.parse(text)), 'name');
  const metrics = (instance: Instance): Promise<string> => proxy(instance).admin('/stats/prometheus');

  before(async () => {
    mkdirSync(mesh);
    const [v1, v2] = [await startApp('v1'), await startApp('v2')];
    apps.push(v1, v2);
    const [web, tcp, greeting] = [await freePort(), await freePort(), await freePort()];
    ports = { http: web, tcp, greeting, apps: { v1: v1.ports, v2: v2.ports } };
    write('mesh.yaml', meshYaml(ports));
    write('routes.yaml', routesYaml('v1'));
    istiod = await startIstiod({ folder, mesh, meshConfig: MESH_CONFIG });
    await Promise.all(
      (['v1', 'v2', 'web'] as const).map(async (instance) => proxies.set(instance, await startWorkload(folder, istiod, instance))),
    );
  });
  after(async () => {
    for (const each of proxies.values()) await each.stop();
    await istiod?.stop();
    for (const app of apps) app.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("istiod's authority signs for a proxy that has a token", async () => {
    const certificates = await proxy('web').admin('/certs');
    assert.match(certificates, /spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web/);
  });

  test('a VirtualService chooses the subset', async () => {
    assert.equal(nameIn(await call('/')), 'v1');
    assert.equal(nameIn(await call('/', { 'x-version': 'v2' })), 'v2');
  });

  test('between the two there is mutual TLS, by both identities', async () => {
    const { text } = await call('/');
    assert.match(text, /By=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/orders;.*URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/web"/);
  });

  test('who comes without is refused', async () => {
    assert.equal(await speakPlaintext(ADDRESSES.v1, ports.http), '');
  });

  test('a VirtualService retries', async () => {
    const answer = await call('/flaky');
    assert.equal(answer.status, 200);
    assert.equal(Reflect.get(Object(JSON.parse(answer.text)), 'count'), 3);
  });

  test("each side of HTTP counts with the other's labels, and the application sees nothing of it", async () => {
    const { text } = await call('/labels');
    assert.doesNotMatch(text, /x-envoy-peer-metadata/);
    const edge = { source_workload: 'web-v1', destination_workload: 'orders-v1', destination_service: HOST, response_code: '200' };
    const mine = await metrics('web');
    assert.ok(valueOf(mine, 'istio_requests_total', { ...edge, reporter: 'source' }) > 0, istioLines(mine));
    // a Sidecar's own ports are of no service, for istiod
    const { destination_service: _, ...common } = edge;
    const labels = { ...common, reporter: 'destination', connection_security_policy: 'mutual_tls' };
    const theirs = await metrics('v1');
    assert.ok(valueOf(theirs, 'istio_requests_total', labels) > 0, istioLines(theirs));
  });

  test('TCP flows by mutual TLS', async () => {
    assert.equal(await converse(ports.tcp, 'to and fro'), 'to and fro');
    const long = 'x'.repeat(300_000);
    assert.equal(await converse(ports.tcp, long), long);
  });

  test('a server that speaks first is heard', async () => {
    assert.match(await converse(ports.greeting, ''), /^hello from v[12]$/);
  });

  test("each side of TCP counts with the other's labels: the proxies have told each other", async () => {
    await converse(ports.tcp, 'once more');
    const opened = 'istio_tcp_connections_opened_total';
    const source = { reporter: 'source', source_workload: 'web-v1', destination_app: 'orders', destination_canonical_service: 'orders' };
    const mine = await metrics('web');
    assert.ok(valueOf(mine, opened, source) >= 4, istioLines(mine));
    assert.equal(valueOf(mine, opened, { reporter: 'source', destination_app: 'unknown' }), 0);
    const target = { reporter: 'destination', source_workload: 'web-v1', source_app: 'web', source_version: 'v1' };
    const theirs = [await metrics('v1'), await metrics('v2')];
    assert.ok(theirs.reduce((sum, each) => sum + valueOf(each, opened, target), 0) >= 4, theirs.map(istioLines).join('\n'));
    const stats = await proxy('web').admin('/stats');
    assert.match(stats, /^metadata_exchange\.alpn_protocol_found: [4-9]/m);
    assert.match(stats, /^metadata_exchange\.initial_header_not_found: 0$/m);
  });

  test('an AuthorizationPolicy comes into force', async () => {
    assert.equal((await call('/private/plans')).status, 200);
    write('policy.yaml', POLICY);
    await eventually(
      async () => ((await call('/private/plans')).status === 403 ? true : undefined),
      () => istiod.output(),
    );
    assert.equal((await call('/')).status, 200);
  });

  test('a change of routes comes into force, and no request is lost by it', async () => {
    write('routes.yaml', routesYaml('v2'));
    await eventually(
      async () => {
        const answer = await call('/');
        assert.equal(answer.status, 200);
        return nameIn(answer) === 'v2' ? true : undefined;
      },
      () => istiod.output(),
    );
  });

  test('an injected sidecar and a gateway take all of it too', { skip: !canUnshare && 'no network namespaces' }, async () => {
    write('more.yaml', MORE);
    const paths = { xdsPath: path.join(folder, 'xds.sock'), agentPath: path.join(folder, 'agent.sock') };
    const [xds, agent] = [await bridge(paths.xdsPath, istiod.plainPort), await startAgent(paths.agentPath)];
    const started = await Promise.allSettled([
      startIsolated(folder, 'client', 'sidecar', paths),
      startIsolated(folder, 'edge', 'router', paths),
    ]);
    const isolated = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    try {
      for (const each of started) if (each.status === 'rejected') throw each.reason;
      const [sidecar = '', gateway = ''] = await Promise.all(isolated.map((each) => each.admin('/listeners')));
      assert.match(sidecar, /^virtualInbound::/m);
      assert.match(sidecar, /^virtualOutbound::/m);
      assert.match(gateway, /::0\.0\.0\.0:80$/m);
      for (const each of isolated) assert.doesNotMatch(await each.admin('/stats'), /update_rejected: [1-9]/);
      assert.deepEqual([...agent.asked].toSorted(), ['ROOTCA', 'default', 'file-root:system']);
    } finally {
      for (const each of isolated) await each.stop();
      xds.close();
      await agent.close();
    }
  });

  test('nothing that istiod has sent was refused', async () => {
    assert.doesNotMatch(istiod.output(), /ACK ERROR/);
    for (const instance of proxies.keys()) {
      const stats = await proxy(instance).admin('/stats');
      assert.doesNotMatch(stats, /update_rejected: [1-9]/, instance);
    }
  });
});
