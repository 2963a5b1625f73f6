/** A real Envoy tells our control plane of flows: what fails by itself, everything while somebody taps. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { speakPlaintext } from '../../src/cli/demo/client.ts';
import { portOf } from '../../src/net/testing/port-of.ts';
import { eventually } from '../../src/core/testing/eventually.ts';
import { startControlPlane } from '../../src/control/main.ts';
import { callAdmin } from '../../src/control/testing/plane.ts';
import { silentLog } from '../../src/core/log.ts';
import type { Flow } from '../../src/model/flow.ts';
import { envoyBinary, envoyMissing } from './envoy-binary.ts';
import { freePort, get, startEnvoy } from './envoy-process.ts';

const HOST = 'api.example.com';

const meshYaml = (port: number): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: shop }
spec:
  hosts: [${HOST}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${port} } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: api, namespace: shop }
spec:
  hosts: [${HOST}]
  http:
    - match: [{ uri: { prefix: /bad } }]
      fault: { abort: { httpStatus: 503, percentage: { value: 100 } } }
      route: [{ destination: { host: ${HOST} } }]
    - route: [{ destination: { host: ${HOST} } }]
`;

/** A control plane of one file; `call` is for its admin API. */
async function startPlane(t: TestContext, yaml: string) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  await writeFile(path.join(folder, 'mesh.yaml'), yaml);
  const plane = await startControlPlane({ folder, stateDir: path.join(folder, '.tulle'), log: silentLog });
  t.after(async () => {
    await plane.close();
    await rm(folder, { recursive: true });
  });
  const call = async (url: string, body?: object): Promise<string> =>
    (await callAdmin({ socketPath: plane.adminSocket }, body === undefined ? 'GET' : 'POST', url, body)).text;
  return { plane, call };
}

test('Envoy tells of flows by its access log service', { skip: envoyMissing, timeout: 180_000 }, async (t) => {
  const origin = http.createServer({ keepAliveTimeout: 0 }, (_, response) => response.end('hello'));
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  t.after(() => origin.close());
  const { plane, call } = await startPlane(t, meshYaml(portOf(origin)));
  const [httpProxyPort, localPort] = [await freePort(), await freePort()];
  const ads = { ads: {}, resource_api_version: 'V3' };
  const envoy = await startEnvoy({
    binary: await envoyBinary(),
    xdsSocket: plane.xdsSocket,
    variant: 'delta',
    token: JSON.parse(await call('/api/tokens', { namespace: 'shop', serviceAccount: 'default' })).token,
    node: {
      id: 'sidecar~127.0.0.9~client-0.shop~shop.svc.cluster.local',
      metadata: {
        NAMESPACE: 'shop',
        WORKLOAD_NAME: 'client',
        INTERCEPTION_MODE: 'NONE',
        TULLE: { flows: 'xds-grpc', explicit: { httpProxyPort, upstreams: [{ host: HOST, port: 80, localPort }] } },
      },
    },
    more: { layered_runtime: { layers: [{ name: 'tulle', rtds_layer: { name: 'tulle', rtds_config: ads } }] } },
  });
  t.after(() => envoy.stop());
  const ask = (url: string): Promise<{ status: number }> => get(localPort, url, { host: HOST });
  const flows = async (query: string): Promise<readonly Flow[]> => {
    const answer: { flows: Flow[] } = JSON.parse(await call(`/api/flows?${query}`));
    return answer.flows;
  };
  await eventually(async () => ((await ask('/')).status === 200 ? true : undefined), envoy.output);

  assert.equal((await ask('/bad?token=SECRET')).status, 503);
  const [failed] = await eventually(async () => {
    const found = await flows('verdict=failed&path=/bad*');
    return found.length > 0 ? found : undefined;
  }, envoy.output);
  assert.ok(failed);
  assert.deepEqual(
    [failed.reporter, failed.source.workload, failed.service, failed.flags, failed.details, failed.request?.path],
    ['source', 'client', HOST, ['FI'], 'fault_filter_abort', '/bad?token=[redacted]'],
  );
  assert.deepEqual([failed.routeOrigin?.kind, failed.routeOrigin?.name, failed.routeOrigin?.file], ['VirtualService', 'api', 'mesh.yaml']);

  const tap = http.get({ socketPath: plane.adminSocket, path: '/api/flows?watch=true&tap=true&path=/tapped/*', agent: false });
  const [response]: http.IncomingMessage[] = await once(tap, 'response');
  let lines = '';
  response?.on('data', (chunk: Buffer) => (lines += chunk.toString()));
  // the runtime's new layer takes a moment
  await eventually(async () => {
    await ask('/tapped/first');
    return lines.includes('/tapped/first') ? true : undefined;
  }, envoy.output);
  for (let i = 0; i < 20; i++) await ask(`/tapped/${i}/own`);
  const own = await eventually(async () => {
    const all = lines
      .split('\n')
      .slice(0, -1)
      .map((line): Flow => JSON.parse(line));
    const found = all.filter(({ request }) => request?.path.endsWith('/own'));
    return found.length === 20 ? found : undefined;
  }, envoy.output);
  assert.deepEqual([own[0]?.verdict, own[0]?.destination.address], ['forwarded', `127.0.0.1:${portOf(origin)}`]);
  response?.destroy();
});

const STRICT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: locked-up, namespace: shop }
spec: { selector: { matchLabels: { app: locked } }, mtls: { mode: STRICT } }
`;

test('Envoy tells of plaintext that STRICT refuses', { skip: envoyMissing, timeout: 180_000 }, async (t) => {
  const { plane, call } = await startPlane(t, STRICT);
  const [httpProxyPort, listen, appPort] = [await freePort(), await freePort(), await freePort()];
  const ports = [{ name: 'http', number: 8080, protocol: 'http', listen, appPort }];
  const envoy = await startEnvoy({
    binary: await envoyBinary(),
    xdsSocket: plane.xdsSocket,
    variant: 'delta',
    token: JSON.parse(await call('/api/tokens', { namespace: 'shop', serviceAccount: 'locked' })).token,
    node: {
      id: 'sidecar~127.0.0.1~locked-0.shop~shop.svc.cluster.local',
      metadata: {
        NAMESPACE: 'shop',
        SERVICE_ACCOUNT: 'locked',
        WORKLOAD_NAME: 'locked',
        LABELS: { app: 'locked' },
        INSTANCE_IPS: '127.0.0.1',
        INTERCEPTION_MODE: 'NONE',
        TULLE: { flows: 'xds-grpc', register: { address: '127.0.0.1', ports }, explicit: { httpProxyPort, upstreams: [] } },
      },
    },
  });
  t.after(() => envoy.stop());
  const [flow] = await eventually(async () => {
    await speakPlaintext('127.0.0.1', listen);
    const { flows }: { flows: Flow[] } = JSON.parse(await call('/api/flows?verdict=denied'));
    return flows.length > 0 ? flows : undefined;
  }, envoy.output);
  assert.ok(flow);
  assert.deepEqual(
    [flow.reporter, flow.protocol, flow.flags, flow.details, flow.policy?.name, flow.policy?.file, flow.destination.workload],
    ['destination', 'tcp', ['NR'], 'plaintext_refused_mtls_is_strict', 'locked-up', 'mesh.yaml', 'locked'],
  );
});
