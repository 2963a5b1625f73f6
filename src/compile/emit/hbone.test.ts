import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshSettings } from '../../model/mesh.ts';
import type { Protocol, Service } from '../../model/service.ts';
import type { ClientTls, ConnectionPool } from '../../model/traffic-policy.ts';
import { compile, type ProxyNode } from '../compile.ts';
import { authorizationRule, endpointOf, meshOf, peerAuthenticationOf, policyOf, portOf, serviceOf, sidecarOf } from '../testing/mesh.ts';
import { originateListener } from './hbone-outbound.ts';
import { NO_LIMITS } from './mesh-defaults.ts';
import { shapesOf } from './shape.ts';

const SA = { serviceAccount: 'db', workload: 'db', hbonePort: 15008, labels: { app: 'db' } };
const CLIENT = { userAgent: 'tulle', isIntercepted: true } as const;
const TLS: ClientTls = {
  mode: 'ISTIO_MUTUAL',
  clientCertificate: '',
  privateKey: '',
  caCertificates: '',
  caCrl: '',
  credentialName: '',
  subjectAltNames: [],
  sni: '',
  insecureSkipVerify: false,
};
const POOL: ConnectionPool = { ...NO_LIMITS, h2UpgradePolicy: 'DO_NOT_UPGRADE' };

interface Case {
  readonly name: string;
  readonly protocol?: Protocol;
  readonly service?: Partial<Service>;
  readonly settings?: Partial<MeshSettings>;
  readonly tls?: ClientTls;
  readonly pool?: ConnectionPool;
  readonly userAgent?: ProxyNode['userAgent'];
  readonly want: string | undefined;
}

const CASES: Case[] = [
  { name: 'TCP', want: 'connect_originate|db.shop' },
  { name: 'Redis', protocol: 'redis', want: 'connect_originate|db.shop' },
  { name: 'TLS of the application', protocol: 'tls', want: 'connect_originate|db.shop' },
  { name: 'HTTP', protocol: 'http', want: undefined },
  { name: 'what is sniffed', protocol: 'auto', want: undefined },
  { name: 'another proxy', userAgent: 'other', want: undefined },
  { name: "Istio's proxy", userAgent: 'istio', want: undefined },
  { name: 'no automatic mTLS', settings: { isAutoMtlsEnabled: false }, want: undefined },
  { name: 'no automatic mTLS, but a rule', settings: { isAutoMtlsEnabled: false }, tls: TLS, want: 'connect_originate|db.shop' },
  { name: 'a rule for plain text', tls: { ...TLS, mode: 'DISABLE' }, want: undefined },
  { name: 'a rule for other TLS', tls: { ...TLS, mode: 'SIMPLE' }, want: undefined },
  {
    name: 'other names',
    tls: { ...TLS, subjectAltNames: ['spiffe://a/x', 'spiffe://cluster.local/ns/b/sa/c'] },
    want: 'connect_originate|spiffe:~~a~x,c.b',
  },
  { name: 'turned off for the mesh', settings: { h2UpgradePolicy: 'DO_NOT_UPGRADE' }, want: undefined },
  { name: 'turned off by a rule', pool: POOL, want: undefined },
  { name: 'outside', service: { isExternal: true }, want: undefined },
  { name: 'names to resolve', service: { resolution: 'dns' }, want: undefined },
  { name: 'headless', service: { isHeadless: true }, want: undefined },
  { name: 'no proxy there', service: { endpoints: [endpointOf('10.0.0.1', { isMeshed: false })] }, want: undefined },
];

for (const { name, protocol = 'tcp', service = {}, settings = {}, tls, pool, userAgent = 'tulle', want } of CASES) {
  test(`tunnels begin: ${name}`, () => {
    const port = portOf(5432, protocol);
    const mesh = meshOf({ services: [serviceOf('db', [port], { endpoints: [endpointOf('10.0.0.1', SA)], ...service })], settings });
    const [shape] = shapesOf(mesh.services, mesh.settings);
    assert.ok(shape !== undefined);
    const policy = { loadBalancer: undefined, connectionPool: pool, outlierDetection: undefined, tls, retryBudget: undefined };
    assert.equal(originateListener({ ...CLIENT, userAgent }, mesh.settings, shape, port, policy), want);
  });
}

const WITHOUT_PORT = sidecarOf({
  userAgent: 'tulle',
  workload: 'db',
  labels: { app: 'db' },
  addresses: ['10.0.0.1'],
  ports: [{ name: 'tcp', number: 5432, listen: 5432, appPort: 5432, protocol: 'tcp' }],
});
const DB: ProxyNode = { ...WITHOUT_PORT, hbonePort: 15008 };
const SERVICES = [serviceOf('db', [portOf(5432, 'tcp')], { endpoints: [endpointOf('10.0.0.1', SA)] })];
const sniRule = authorizationRule({
  when: [{ key: 'connection.sni', values: ['a.test'], notValues: [], origin: policyOf('x', 'DENY', []).origin }],
});

for (const { name, mesh = {}, proxy = DB, isTaken } of [
  { name: 'a server', isTaken: true },
  { name: 'another proxy', proxy: { ...DB, userAgent: 'other' as const }, isTaken: false },
  { name: 'a proxy without a port for them', proxy: WITHOUT_PORT, isTaken: false },
  { name: 'plain text alone', mesh: { peerAuthentications: [peerAuthenticationOf('DISABLE')] }, isTaken: false },
  { name: 'a policy about server names', mesh: { authorizationPolicies: [policyOf('sni', 'DENY', [sniRule])] }, isTaken: false },
  {
    name: 'a policy about server names elsewhere',
    mesh: { authorizationPolicies: [policyOf('sni', 'DENY', [sniRule], { namespace: 'other' })] },
    isTaken: true,
  },
] satisfies { name: string; mesh?: Parameters<typeof meshOf>[0]; proxy?: ProxyNode; isTaken: boolean }[]) {
  test(`tunnels end: ${name}`, () => {
    const whole = meshOf({ services: SERVICES, ...mesh });
    const { listeners, clusters } = compile(whole, proxy);
    const names = ['connect_terminate', 'main_internal'];
    assert.deepEqual(
      names.map((each) => listeners.has(each)),
      [isTaken, isTaken],
    );
    assert.equal(clusters.has('main_internal'), isTaken);
    // clients know it too
    const { endpoints } = compile(whole, sidecarOf({ userAgent: 'tulle' }));
    const text = JSON.stringify(endpoints.get('outbound|5432||db.shop.svc.cluster.local')?.message);
    if (proxy === DB) assert.equal(text.includes('connect_originate'), isTaken);
  });
}
