/**
 * Out of the mesh by its egress gateway, in transparent mode: an application calls a host outside in plain HTTP, its proxy
 * takes the request to the gateway by mutual TLS, and the gateway begins TLS to the host.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { readTarget } from '../../src/cli/explain/asked.ts';
import { explain } from '../../src/cli/explain/explain.ts';
import { outcomes } from '../../src/cli/explain/explanation.ts';
import { runningWorld } from '../../src/cli/explain/running-world.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { stateDirAt } from '../../src/cli/state-dir.ts';
import { loadRe2 } from '../../src/core/re2.ts';
import { createTestCa } from '../../src/net/testing/certificates.ts';
import { canIntercept, TestMesh } from './harness.ts';
import { member, STRICT } from './mesh-documents.ts';

const GATEWAY_PORT = 15_743;
const OUTSIDE = 'www.outside.test';

/** Answers over TLS whom it takes the client to have called, and from where. */
const SERVER = `require('node:https').createServer({ key: process.env.KEY, cert: process.env.CHAIN }, (request, response) =>
  response.end(request.socket.servername + ' ' + request.headers.host + ' from ' + request.socket.remoteAddress)).listen(8443);`;

/** Calls the host again and again, and prints what it gets. */
const CLIENT = `const call = () => fetch('http://${OUTSIDE}/').then(async (answer) => console.log(answer.status, await answer.text()), (error) => console.log('failed', error.message))
  .finally(() => setTimeout(call, 100)); call();`;

const client = (name: string): string => member(name, `command: [node, -e, ${JSON.stringify(CLIENT)}]`);

function documents(pair: { readonly certificateChain: string; readonly privateKey: string }, rootFile: string): string {
  const env = JSON.stringify({ KEY: pair.privateKey, CHAIN: pair.certificateChain });
  return `${client('buyer')}${client('stranger')}${member('egress', 'role: gateway')}${member(
    'outside',
    `inject: false, ports: [{ name: https, port: 8443, protocol: https }], command: [node, -e, ${JSON.stringify(SERVER)}], env: ${env}, readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 }`,
  )}
apiVersion: v1
kind: Service
metadata: { name: egress, namespace: shop }
spec: { selector: { app: egress }, ports: [{ name: https, port: ${GATEWAY_PORT} }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: shop }
spec:
  hosts: [${OUTSIDE}]
  ports: [{ number: 80, name: http, protocol: HTTP }, { number: 443, name: https, protocol: HTTPS, targetPort: 8443 }]
  resolution: STATIC
  workloadSelector: { labels: { app: outside } }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: egress, namespace: shop }
spec:
  selector: { app: egress }
  servers: [{ port: { number: ${GATEWAY_PORT}, name: https, protocol: HTTPS }, hosts: [${OUTSIDE}], tls: { mode: ISTIO_MUTUAL } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: outside, namespace: shop }
spec:
  hosts: [${OUTSIDE}]
  gateways: [mesh, egress]
  http:
    - match: [{ gateways: [mesh], port: 80 }]
      route: [{ destination: { host: egress, subset: outside } }]
    - match: [{ gateways: [egress] }]
      route: [{ destination: { host: ${OUTSIDE}, port: { number: 443 } } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: egress, namespace: shop }
spec: { host: egress, subsets: [{ name: outside, trafficPolicy: { tls: { mode: ISTIO_MUTUAL, sni: ${OUTSIDE} } } }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: outside, namespace: shop }
spec:
  host: ${OUTSIDE}
  trafficPolicy:
    portLevelSettings:
      - { port: { number: 443 }, tls: { mode: SIMPLE, sni: ${OUTSIDE}, caCertificates: ${rootFile}, subjectAltNames: [${OUTSIDE}] } }
---
${STRICT}
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: egress, namespace: shop }
spec: { selector: { matchLabels: { app: egress } }, rules: [{ from: [{ source: { serviceAccounts: [buyer] } }] }] }
`;
}

before(loadRe2);

test(
  'an egress gateway takes requests out of the mesh',
  { skip: canIntercept() ? false : 'needs Linux, root, ip and nft', timeout: 180_000 },
  async (t) => {
    const ca = createTestCa('outside');
    const mesh = TestMesh.start('transparent', {});
    t.after(async () => assert.equal(await mesh.stop(), 0));
    mesh.write('root.pem', ca.root);
    mesh.write('mesh.yaml', documents(ca.issue(`DNS:${OUTSIDE}`), `${mesh.folder}/root.pem`));
    await mesh.ready('buyer', 'stranger', 'egress', 'outside');

    const [gateway] = await mesh.instances('egress');
    await t.test('by mutual TLS to the gateway, by TLS of its own from there', async () => {
      const [, from] = await mesh.until(
        'an answer',
        () => /^200 www\.outside\.test www\.outside\.test from (\S+)$/m.exec(mesh.log('buyer-0.shop')) ?? undefined,
      );
      assert.equal(from?.replace('::ffff:', ''), gateway?.address);
    });

    await t.test('the gateway knows who calls', async () => {
      await mesh.until('the stranger is refused', () => /^403 RBAC: access denied$/m.test(mesh.log('stranger-0.shop')));
      assert.doesNotMatch(mesh.log('stranger-0.shop'), /^200 /m);
    });

    await t.test('nobody comes in without TLS', async () => {
      await assert.rejects(ask({ port: GATEWAY_PORT }, '/', { headers: { host: OUTSIDE } }), /ECONNRESET|socket hang up/);
    });

    await t.test('explain says the same', async () => {
      const world = await runningWorld(stateDirAt(mesh.stateDir));
      const asked = { via: undefined, to: readTarget(`http://${OUTSIDE}/`), method: 'GET', headers: [] };
      const ends = async (name: string): Promise<string[]> =>
        outcomes(await explain(world, { ...asked, from: { namespace: 'shop', name } })).map(({ verdict }) => verdict.text);
      assert.deepEqual(await ends('buyer'), ['delivered to shop/outside, whose application answers']);
      assert.deepEqual(await ends('stranger'), ['403 by the proxy of shop/egress: no ALLOW policy allows it']);
    });
  },
);
