/** A real Envoy, driven by our control plane over ADS in both variants: traffic, an edit, a rejection. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { portOf } from '../../src/net/testing/port-of.ts';
import { eventually } from '../../src/core/testing/eventually.ts';
import { startControlPlane } from '../../src/control/main.ts';
import { callAdmin } from '../../src/control/testing/plane.ts';
import { silentLog } from '../../src/core/log.ts';
import { loopbackServer } from '../../src/proxy/testing/loopback-server.ts';
import { envoyBinary, envoyMissing } from './envoy-binary.ts';
import { freePort, get, startEnvoy } from './envoy-process.ts';

const HOST = 'api.example.com';

function serveText(t: TestContext, text: string): Promise<number> {
  return loopbackServer(t, (_, response) => response.end(text));
}

function meshYaml(v1: number, v2: number, subset: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [${HOST}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports:
    - { number: 80, name: http, protocol: HTTP }
  endpoints:
    - { address: 127.0.0.1, ports: { http: ${v1} }, labels: { version: v1 } }
    - { address: 127.0.0.1, ports: { http: ${v2} }, labels: { version: v2 } }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api, namespace: shop }
spec:
  host: ${HOST}
  subsets:
    - { name: ${subset}, labels: { version: ${subset} } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: shop }
spec:
  hosts: [${HOST}]
  http:
    - route:
        - destination: { host: ${HOST}, subset: ${subset} }
`;
}

async function token(socketPath: string): Promise<string> {
  const { text } = await callAdmin({ socketPath }, 'POST', '/api/tokens', { namespace: 'shop', serviceAccount: 'client' });
  const answer: { token: string } = JSON.parse(text);
  return answer.token;
}

interface ProxyRow {
  readonly types: Readonly<Record<string, { status: string; nack?: { message: string } }>>;
}

async function proxies(socketPath: string): Promise<ProxyRow[]> {
  const answer: { proxies: ProxyRow[] } = JSON.parse((await callAdmin({ socketPath }, 'GET', '/api/proxies')).text);
  return answer.proxies;
}

interface Mesh {
  readonly adminSocket: string;
  readonly xdsSocket: string;
  edit(subset: string): Promise<void>;
}

async function startMesh(t: TestContext): Promise<Mesh> {
  const [v1, v2] = [await serveText(t, 'v1'), await serveText(t, 'v2')];
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  const edit = (subset: string): Promise<void> => writeFile(path.join(folder, 'mesh.yaml'), meshYaml(v1, v2, subset));
  await edit('v1');
  const plane = await startControlPlane({ folder, stateDir: path.join(folder, '.tulle'), log: silentLog, debounceQuietMs: 10 });
  t.after(async () => {
    await plane.close();
    await rm(folder, { recursive: true });
  });
  return { adminSocket: plane.adminSocket, xdsSocket: plane.xdsSocket, edit };
}

async function connectEnvoy(t: TestContext, mesh: Mesh, variant: 'delta' | 'sotw', httpProxyPort: number, localPort: number) {
  const metadata = {
    NAMESPACE: 'shop',
    SERVICE_ACCOUNT: 'client',
    WORKLOAD_NAME: 'client',
    INTERCEPTION_MODE: 'NONE',
    TULLE: { explicit: { httpProxyPort, upstreams: [{ host: HOST, port: 80, localPort }] } },
  };
  const envoy = await startEnvoy({
    binary: await envoyBinary(),
    xdsSocket: mesh.xdsSocket,
    variant,
    token: await token(mesh.adminSocket),
    node: { id: 'sidecar~127.0.0.9~client-0.shop~shop.svc.cluster.local', metadata },
  });
  t.after(() => envoy.stop());
  return envoy;
}

for (const variant of ['delta', 'sotw'] as const) {
  test(`Envoy over ${variant} ADS: traffic flows, and moves with an edit without a failed request`, { skip: envoyMissing }, async (t) => {
    const mesh = await startMesh(t);
    const [proxyPort, localPort] = [await freePort(), await freePort()];
    const envoy = await connectEnvoy(t, mesh, variant, proxyPort, localPort);
    const ask = async (): Promise<string> => {
      const { status, body } = await get(localPort, '/', { host: HOST });
      return `${status} ${body}`;
    };
    await eventually(async () => ((await ask()) === '200 v1' ? true : undefined), envoy.output);
    const throughProxy = await get(proxyPort, `http://${HOST}/`, { host: HOST });
    assert.deepEqual(throughProxy, { status: 200, body: 'v1' });

    // the cluster that the route moves to is new, and the one that it leaves goes
    await mesh.edit('v2');
    const seen = new Map<string, number>();
    const askOn = async (): Promise<void> => {
      while ((seen.get('200 v2') ?? 0) < 20) {
        const answer = await ask();
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
      }
    };
    await Promise.all([askOn(), askOn(), askOn()]);
    assert.deepEqual([...seen.keys()].toSorted(), ['200 v1', '200 v2']);
    const synced = await eventually(async () => {
      const [row] = await proxies(mesh.adminSocket);
      return row !== undefined && Object.values(row.types).every(({ status }) => status === 'SYNCED') ? row : undefined;
    }, envoy.output);
    for (const type of ['CDS', 'EDS', 'LDS', 'RDS']) assert.equal(synced.types[type]?.status, 'SYNCED', type);
  });

  test(`Envoy over ${variant} ADS: a rejection is known by its reason, and the rest works`, { skip: envoyMissing }, async (t) => {
    const mesh = await startMesh(t);
    const taken = net.createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    const proxyPort = await freePort();
    const envoy = await connectEnvoy(t, mesh, variant, proxyPort, portOf(taken));
    const nack = await eventually(async () => (await proxies(mesh.adminSocket))[0]?.types['LDS']?.nack, envoy.output);
    assert.match(nack.message, /127\.0\.0\.1.*Address already in use|cannot bind/);
    await eventually(
      async () => ((await get(proxyPort, `http://${HOST}/`, { host: HOST })).body === 'v1' ? true : undefined),
      envoy.output,
    );
  });
}
