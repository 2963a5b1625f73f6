/**
 * A port that the server's side declares nowhere, while its callers take it for HTTP: our proxy before a real Envoy that
 * our control plane drives. The two agree on a version by ALPN, and the application gets the one that it speaks.
 */
import assert from 'node:assert/strict';
import http from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { eventually } from '../../src/core/testing/eventually.ts';
import { type ControlPlane, startControlPlane } from '../../src/control/main.ts';
import { silentLog } from '../../src/core/log.ts';
import { loopbackServer } from '../../src/proxy/testing/loopback-server.ts';
import { startProxy } from '../e2e/two-planes.ts';
import { envoyBinary, envoyMissing } from './envoy-binary.ts';
import { freePort, get, startEnvoy } from './envoy-process.ts';

const HOST = 'api.internal';

/** Only callers in namespace callers know the host. */
const meshYaml = (port: number): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api, namespace: callers }
spec:
  hosts: [${HOST}]
  exportTo: [.]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${port} }, labels: { security.istio.io/tlsMode: istio } }]
  subjectAltNames: [spiffe://cluster.local/ns/servers/sa/server]
`;

function metadata(namespace: string, name: string, ours: object): object {
  return {
    NAMESPACE: namespace,
    SERVICE_ACCOUNT: name,
    WORKLOAD_NAME: name,
    INSTANCE_IPS: '127.0.0.1',
    INTERCEPTION_MODE: 'NONE',
    TULLE: ours,
  };
}

async function tokenOf({ adminSocket: socketPath }: ControlPlane, namespace: string, serviceAccount: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<http.IncomingMessage>();
  const request = http.request({ socketPath, method: 'POST', path: '/api/tokens', agent: false }, resolve);
  request.end(JSON.stringify({ namespace, serviceAccount }));
  const answer: { token: string } = JSON.parse(Buffer.concat(await (await promise).toArray()).toString());
  return answer.token;
}

async function startServer(t: TestContext, plane: ControlPlane, listen: number, appPort: number): Promise<() => string> {
  const ports = [{ name: 'x', number: 9090, protocol: 'auto', listen, appPort }];
  const ours = { register: { address: '127.0.0.1', ports }, explicit: { httpProxyPort: await freePort(), upstreams: [] } };
  const envoy = await startEnvoy({
    binary: await envoyBinary(),
    xdsSocket: plane.xdsSocket,
    variant: 'delta',
    token: await tokenOf(plane, 'servers', 'server'),
    node: { id: 'sidecar~127.0.0.1~server-0.servers~servers.svc.cluster.local', metadata: metadata('servers', 'server', ours) },
  });
  t.after(() => envoy.stop());
  return envoy.output;
}

async function startCaller(t: TestContext, plane: ControlPlane, folder: string): Promise<number> {
  const [localPort, tokenFile] = [await freePort(), path.join(folder, 'token')];
  writeFileSync(tokenFile, await tokenOf(plane, 'callers', 'caller'));
  const ours = {
    identity: { tokenFile },
    explicit: { httpProxyPort: await freePort(), upstreams: [{ host: HOST, port: 80, localPort }] },
  };
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  const fromAds = { ads: {}, resource_api_version: 'V3' };
  await startProxy(t, folder, 'caller', {
    node: { id: 'sidecar~127.0.0.1~caller-0.callers~callers.svc.cluster.local', metadata: metadata('callers', 'caller', ours) },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: await freePort() } } },
    dynamic_resources: {
      ads_config: {
        api_type: 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
      },
      lds_config: fromAds,
      cds_config: fromAds,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds-grpc',
          connect_timeout: '5s',
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
          load_assignment: {
            cluster_name: 'xds-grpc',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: plane.xdsSocket } } } }] }],
          },
        },
      ],
    },
  });
  return localPort;
}

test('an application behind an Envoy gets HTTP/1.1 at a port that nobody declares', { skip: envoyMissing }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-undeclared-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const hear = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const isMutual = request.headers['x-forwarded-client-cert'] !== undefined;
    response.end(`HTTP/${request.httpVersion} ${isMutual ? 'by mTLS' : 'in plaintext'}`);
  };
  const [listen, appPort] = [await freePort(), await loopbackServer(t, hear)];
  writeFileSync(path.join(folder, 'mesh.yaml'), meshYaml(listen));
  const plane = await startControlPlane({ folder, stateDir: path.join(folder, '.tulle'), log: silentLog, debounceQuietMs: 10 });
  t.after(() => plane.close());
  const explain = await startServer(t, plane, listen, appPort);
  const port = await startCaller(t, plane, folder);
  // the Envoy may not have its listener yet
  const answer = await eventually(async () => {
    const each = await get(port, '/', { host: HOST });
    return each.status === 503 ? undefined : each;
  }, explain);
  assert.deepEqual(answer, { status: 200, body: 'HTTP/1.1 by mTLS' });
});
