/** A mesh in network namespaces, from its applications' side: names, both families, TCP, plaintext, and no trace after. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { canIntercept, root, TestMesh } from '../e2e/harness.ts';
import { AUTO_PORT, CLOSED_PORT, HTTP_PORT, type Order, SECRET_PORT, SNIFFED_PORT, TCP_PORT, TLS_PORT } from './agent.ts';
import { order } from './order.ts';

const skip = canIntercept() ? false : 'needs Linux, root, ip and nft (node tools/install-peers.ts)';
const AGENT = path.join(import.meta.dirname, 'agent.ts');

/** A Workload that runs the agent; `ports` are those it declares. */
function workload(folder: string, name: string, ports: string, more = ''): string {
  const command = JSON.stringify([process.execPath, AGENT, path.join(folder, `${name}.sock`), 'serve']);
  return `apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec: { serviceAccount: ${name}, ports: [${ports}], command: ${command}, env: { NAME: ${name} }, readinessProbe: { tcpSocket: { port: ${HTTP_PORT} }, periodSeconds: 1 }, ${more} }
---
`;
}

function service(name: string, ports: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [${ports}] }
---
`;
}

const HTTP = `{ name: http, port: ${HTTP_PORT} }`;
const ALL = `${HTTP}, { name: tcp, port: ${TCP_PORT} }, { name: any, port: ${AUTO_PORT} }, { name: sniffed, port: ${SNIFFED_PORT} }, { name: tls, port: ${TLS_PORT} }`;

const SETTINGS = `apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { protocolDetectionTimeout: 300ms }
---
`;

const STRICT = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
`;

function meshOf(folder: string): string {
  return [
    SETTINGS,
    workload(folder, 'client', HTTP),
    workload(folder, 'payments', ALL),
    workload(folder, 'outside', HTTP, 'inject: false'),
    service('payments', ALL),
    service('outside', HTTP),
  ].join('');
}

/** What a mesh on network `number` has on this machine: links, tables, routes. */
function traces(number: string): string[] {
  const lines = (command: string, ...args: string[]): string[] => execFileSync(command, args, { encoding: 'utf8' }).split('\n');
  const links = lines('ip', '-br', 'link').filter((line) => new RegExp(`^(tulle${number}|tv${number}-\\d+)\\b`).test(line));
  const tables = lines('nft', 'list', 'tables').filter((line) => line.endsWith(`tulle${number}`));
  const routes = lines('ip', 'route').filter((line) => line.startsWith(`10.127.${number}.`));
  return [...links, ...tables, ...routes];
}

/** Processes whose command line names `needle`, with their network namespaces. */
function processes(needle: string): { pid: string; network: string }[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
      if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(needle)) return [];
      return [{ pid, network: readlinkSync(`/proc/${pid}/ns/net`) }];
    } catch {
      return []; // gone meanwhile
    }
  });
}

function forwarding(): string {
  const root = '/proc/sys/net/ipv4';
  const devices = readdirSync(`${root}/conf`).filter((device) => !/^(tulle|tv)\d/.test(device));
  return JSON.stringify([
    readFileSync(`${root}/ip_forward`, 'utf8'),
    ...devices.map((device) => [device, readFileSync(`${root}/conf/${device}/forwarding`, 'utf8')]),
  ]);
}

describe('transparent mode', { skip }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-netns-'));
  let mesh: TestMesh;
  let addresses: Readonly<Record<string, { ipv4: string; ipv6: string }>> = {};
  let services: readonly { name: string; addresses: readonly string[] }[] = [];
  let number = '';

  const ask = (from: string, what: Order): Promise<string> => order(path.join(folder, `${from}.sock`), what);

  const virtual = (name: string, isIpv6: boolean): string => {
    const found = services.find((each) => each.name === name)?.addresses.find((address) => address.includes(':') === isIpv6);
    return found ?? assert.fail(`${name} has no such address`);
  };
  const own = (name: string): { ipv4: string; ipv6: string } => addresses[name] ?? assert.fail(`${name} has no address`);

  const sysctls = skip === false ? forwarding() : '';

  before(async () => {
    const { certificateChain, privateKey } = createTestCa('app').issue('DNS:payments');
    writeFileSync(path.join(folder, 'cert.pem'), certificateChain);
    writeFileSync(path.join(folder, 'key.pem'), privateKey);
    mesh = TestMesh.start('transparent', { files: { 'mesh.yaml': meshOf(folder) } });
    await mesh.ready('client', 'payments', 'outside');
    number = /10\.127\.(\d+)\.0/.exec(mesh.output)?.[1] ?? '';
    const ipv6 = (ipv4: string): string => `fd74:756c:6c65:${Number(number).toString(16)}::${Number(ipv4.split('.')[3]).toString(16)}`;
    addresses = Object.fromEntries(
      (await mesh.instances()).map(({ workload: name, address }) => [name, { ipv4: address, ipv6: ipv6(address) }]),
    );
    ({ services } = await mesh.admin<{ services: typeof services }>('/api/services'));
    await mesh.until('the client knows payments', async () =>
      (await ask('client', { kind: 'http', host: virtual('payments', false), port: HTTP_PORT })).startsWith('200'),
    );
  });
  after(async () => {
    await mesh.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const client = 'spiffe://cluster.local/ns/shop/sa/client';

  test('an application knows the names of the mesh, whichever name server it asks', async () => {
    const want = `${virtual('payments', false)} ${virtual('payments', true)}`;
    for (const server of ['192.0.2.53', 'fd00::53']) {
      for (const name of ['payments', 'payments.shop', 'payments.shop.svc', 'payments.shop.svc.cluster.local', 'PAYMENTS.shop'])
        assert.equal(await ask('client', { kind: 'dns', name, server }), want, `${name} at ${server}`);
    }
  });

  test('HTTP to a name, to virtual addresses of both families and to itself goes by mutual TLS', async () => {
    for (const host of ['payments', 'payments.shop', virtual('payments', false), virtual('payments', true)]) {
      const answer = await ask('client', { kind: 'http', host, port: HTTP_PORT });
      assert.equal(answer, `200 payments asked by ${client}`, host);
    }
    const answer = await ask('payments', { kind: 'http', host: 'payments', port: HTTP_PORT });
    assert.equal(answer, '200 payments asked by spiffe://cluster.local/ns/shop/sa/payments');
  });

  test('a server that speaks first is heard, whatever its port is declared as', async () => {
    const { ipv4, ipv6 } = own('payments');
    const rows = [
      { host: 'payments', port: TCP_PORT },
      { host: virtual('payments', true), port: TCP_PORT },
      { host: 'payments', port: AUTO_PORT },
      { host: ipv4, port: SECRET_PORT },
      { host: ipv6, port: SECRET_PORT },
    ];
    const answers = await Promise.all(rows.map(({ host, port }) => ask('client', { kind: 'tcp', host, port })));
    assert.deepEqual(
      answers,
      rows.map(({ port }) => `payments ${port} says ping`),
    );
  });

  test('what is sniffed to be HTTP is HTTP, and TLS of the application is left alone', async () => {
    const answer = await ask('client', { kind: 'http', host: 'payments', port: SNIFFED_PORT });
    assert.equal(answer, `200 payments asked by ${client}`);
    for (const host of ['payments', own('payments').ipv4, own('payments').ipv6])
      assert.equal(await ask('client', { kind: 'tls', host, port: TLS_PORT }), 'http/1.1 payments heard ping', host);
    assert.equal(await ask('outside', { kind: 'tls', host: own('payments').ipv4, port: TLS_PORT }), 'http/1.1 payments heard ping');
    assert.equal(await ask('client', { kind: 'tls', host: own('outside').ipv4, port: TLS_PORT }), 'http/1.1 outside heard ping');
  });

  test('addresses that are no service lead where they say, in both families', async () => {
    for (const host of [own('outside').ipv4, own('outside').ipv6]) {
      assert.equal(await ask('client', { kind: 'tcp', host, port: TCP_PORT }), `outside ${TCP_PORT} says ping`);
      assert.equal(await ask('client', { kind: 'http', host, port: HTTP_PORT }), '200 outside asked by plaintext');
      assert.match(await ask('client', { kind: 'tcp', host, port: CLOSED_PORT }), /^closed|^ failed/);
    }
  });

  test('a workload without a proxy is called in plaintext', async () => {
    const answer = await ask('client', { kind: 'http', host: 'outside', port: HTTP_PORT });
    assert.equal(answer, '200 outside asked by plaintext');
  });

  test('plaintext from outside the mesh is taken while PERMISSIVE and refused while STRICT', async () => {
    const rows = [own('payments').ipv4, own('payments').ipv6].flatMap((host): Order[] => [
      { kind: 'http', host, port: HTTP_PORT },
      { kind: 'tcp', host, port: TCP_PORT },
      { kind: 'tcp', host, port: SECRET_PORT },
      { kind: 'tls', host, port: TLS_PORT },
    ]);
    const taken = /^200 payments asked by plaintext$|^payments 700\d says ping$|^http\/1.1 payments heard ping$/;
    for (const row of rows) assert.match(await ask('outside', row), taken);
    mesh.write('strict.yaml', STRICT);
    const [first] = rows;
    await mesh.until('plaintext is refused', async () => first !== undefined && (await ask('outside', first)).startsWith('failed'));
    for (const row of rows) assert.match(await ask('outside', row), /^failed|^closed|^ failed/);
    const answer = await ask('client', { kind: 'http', host: 'payments', port: HTTP_PORT });
    assert.equal(answer, `200 payments asked by ${client}`);
    assert.equal(await ask('client', { kind: 'tls', host: 'payments', port: TLS_PORT }), 'http/1.1 payments heard ping');
    assert.equal(await ask('client', { kind: 'tcp', host: 'payments', port: AUTO_PORT }), `payments ${AUTO_PORT} says ping`);
  });

  test('tulle run puts a command into the mesh', async () => {
    const script = "fetch('http://payments.shop:8080').then((answer) => answer.text()).then(console.log)";
    const command = [path.join(root, 'bin/tulle.js'), 'run', '--name', 'visitor', '--namespace', 'shop', '--state-dir', mesh.stateDir];
    const { stdout } = await promisify(execFile)(process.execPath, [...command, '--', process.execPath, '-e', script]);
    assert.equal(stdout, 'payments asked by spiffe://cluster.local/ns/shop/sa/default\n');
  });

  test('while a proxy is dead nothing goes past it, and it comes back', async () => {
    const [proxy] = processes(path.join(mesh.stateDir, 'proxies/client-0.shop/'));
    const direct: Order = { kind: 'http', host: own('payments').ipv4, port: HTTP_PORT };
    process.kill(Number(proxy?.pid ?? assert.fail('the client has no proxy')), 'SIGKILL');
    assert.match(await ask('client', direct), /^failed/);
    const want = `200 payments asked by ${client}`;
    await mesh.until('the proxy is back', async () => (await ask('client', { ...direct, host: virtual('payments', false) })) === want);
  });

  test('nothing stays when it ends', async () => {
    const work = path.dirname(mesh.folder);
    const running = [...processes(work), ...processes(folder)];
    const networks = new Set(running.map(({ network }) => network));
    networks.delete(readlinkSync('/proc/self/ns/net'));
    assert.equal(networks.size, 3, 'each instance has a namespace of its own');
    assert.notDeepEqual(traces(number), []);
    assert.equal(await mesh.stop(), 0);
    assert.deepEqual(traces(number), []);
    assert.deepEqual([...processes(work), ...processes(folder)], []);
    assert.equal(forwarding(), sysctls);
  });
});
