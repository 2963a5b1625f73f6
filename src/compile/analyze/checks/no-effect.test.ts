/** Analysers of settings, rules and policies that are for nothing. */
import { join, resource, routes, served, service, testCases, to, workload, type Case } from '../testing/cases.ts';

const TWO_PORTS = join(service('two', 'name: http, port: 81 }, { name: tcp, port: 7000'), workload('two'));
const TCP = join(service('db', 'name: tcp, port: 5432'), workload('db', 'version: v1', '{ name: tcp, port: 5432 }'));
const rule = (host: string, spec: string): string => resource('DestinationRule', host, `{ host: ${host}, ${spec} }`);
const l4 = (host: string, spec: string): string => resource('VirtualService', host, `{ hosts: [${host}], ${spec} }`);
const provider = (kind: string): string => `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { extensionProviders: [{ name: asked, ${kind}: { service: authz.shop.svc.cluster.local, port: 9000 } }] }`;
const AUTHZ = served('authz', 'name: http, port: 9000');
const custom = (spec: string): string =>
  resource('AuthorizationPolicy', 'ask', `{ action: CUSTOM, provider: { name: asked }, ${spec} }`, 'security.istio.io/v1');
const OF_DB = 'selector: { matchLabels: { app: db } }';
const entry = (labels: string): string => resource('WorkloadEntry', 'vm', `{ address: 10.1.2.3, labels: { ${labels} } }`);
const FAILOVER = 'loadBalancer: { localityLbSetting: { failover: [{ from: eu, to: us }] } }';
const DETECTED = 'outlierDetection: { consecutive5xxErrors: 5 }';
const DELEGATE = resource('VirtualService', 'part', `{ http: [{ ${to('web')} }] }`);

const CASES: readonly Case[] = [
  {
    code: 'TUL233',
    name: 'a provider by HTTP for a port of bytes',
    bad: join(TCP, AUTHZ, provider('envoyExtAuthzHttp'), custom(`${OF_DB}, rules: [{}]`)),
    at: 'provider',
    says: /port 5432 of shop\/db is not read as HTTP, and provider "asked" .*pass unasked/,
    severity: 'warning',
    good: join(TCP, AUTHZ, provider('envoyExtAuthzGrpc'), custom(`${OF_DB}, rules: [{}]`)),
  },
  {
    code: 'TUL233',
    name: 'a whole namespace has a port of bytes',
    bad: join(TCP, AUTHZ, provider('envoyExtAuthzHttp'), custom('rules: [{}]')),
    at: 'provider',
    says: /port 5432 of shop\/db/,
    severity: 'info',
    good: join(TCP, AUTHZ, provider('envoyExtAuthzHttp'), custom('rules: [{ to: [{ operation: { ports: ["9000"] } }] }]')),
  },
  {
    code: 'IST0112',
    name: 'a mirror with several ports',
    bad: join(served('web'), TWO_PORTS, routes(`{ ${to('web')}, mirror: { host: two } } # mirrored`)),
    at: '# mirrored',
    says: /ports 81, 7000 .* by port 80 are not mirrored/,
    good: join(served('web'), TWO_PORTS, routes(`{ ${to('web')}, mirror: { host: two, port: { number: 81 } } }`)),
  },
  {
    code: 'IST0112',
    name: 'connections to several ports',
    bad: join(TCP, TWO_PORTS, l4('db', `tcp: [{ ${to('two')} }]`)),
    at: 'tcp:',
    says: /connections that come in by port 5432 are closed/,
    good: join(TCP, TWO_PORTS, l4('db', `tcp: [{ ${to('two', ', port: { number: 7000 }')} }]`)),
  },
  {
    code: 'IST0112',
    name: 'TLS to several ports',
    bad: join(served('web', 'name: https, port: 443'), TWO_PORTS, l4('web', `tls: [{ match: [{ sniHosts: [web] }], ${to('two')} }]`)),
    at: 'tls:',
    says: /connections that come in by port 443 are closed/,
    good: join(TWO_PORTS, l4('two', `tls: [{ match: [{ sniHosts: [two], port: 7000 }], ${to('two')} }]`)),
  },
  {
    code: 'TUL220',
    name: 'connections by a port that no host has',
    bad: join(TCP, l4('db', `tcp: [{ match: [{ port: 5433 }], ${to('db')} }]`)),
    at: '5433',
    says: /no service of the hosts has port 5433 \(they have 5432\): the match never holds, and connections go on/,
    good: join(TCP, l4('db', `tcp: [{ match: [{ port: 5432 }], ${to('db')} }]`)),
  },
  {
    code: 'TUL234',
    name: 'a delegate that nobody names',
    bad: join(served('web'), DELEGATE, resource('VirtualService', 'whole', '{ hosts: [web], http: [{ delegate: { name: other } }] }')),
    at: '{ http:',
    says: /no VirtualService names it as its delegate/,
    good: join(served('web'), DELEGATE, resource('VirtualService', 'whole', '{ hosts: [web], http: [{ delegate: { name: part } }] }')),
  },
  {
    code: 'TUL235',
    name: 'a WorkloadEntry that no service selects',
    bad: join(service('web'), entry('app: wen')),
    at: 'app: wen',
    says: /no Service and no ServiceEntry of namespace shop selects its labels/,
    good: join(service('web'), entry('app: web')),
  },
  {
    code: 'TUL236',
    name: 'failover of a rule without outlierDetection',
    bad: join(served('web'), rule('web', `trafficPolicy: { ${FAILOVER} }`)),
    at: 'failover',
    says: /failover counts with outlierDetection only/,
    good: join(served('web'), rule('web', `trafficPolicy: { ${FAILOVER}, ${DETECTED} }`)),
  },
  {
    code: 'TUL236',
    name: 'failover of a port takes no outlierDetection of the whole',
    bad: join(served('web'), rule('web', `trafficPolicy: { ${DETECTED}, portLevelSettings: [{ port: { number: 80 }, ${FAILOVER} }] }`)),
    at: 'failover',
    says: /failover counts with outlierDetection only/,
    good: join(
      served('web'),
      rule('web', `trafficPolicy: { ${DETECTED} }, subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: { ${FAILOVER} } }]`),
    ),
  },
  {
    code: 'TUL236',
    name: 'failover of the mesh without any outlierDetection',
    bad: join(
      served('web'),
      `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { localityLbSetting: { failoverPriority: [topology.kubernetes.io/region] } }`,
    ),
    at: 'failoverPriority',
    says: /no DestinationRule and no defaultTrafficPolicy has/,
    good: join(
      served('web'),
      `
apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { localityLbSetting: { failoverPriority: [topology.kubernetes.io/region] }, defaultTrafficPolicy: { ${DETECTED} } }`,
    ),
  },
  {
    code: 'TUL237',
    name: "a port's settings where there is no such port",
    bad: join(served('web'), rule('web', 'trafficPolicy: { portLevelSettings: [{ port: { number: 8080 }, tls: { mode: DISABLE } }] }')),
    at: 'portLevelSettings',
    says: /"web.shop.svc.cluster.local" has no port 8080 \(it has 80\)/,
    good: join(served('web'), rule('web', 'trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: DISABLE } }] }')),
  },
  {
    code: 'IST0149',
    name: 'claims are matched where clients route',
    bad: join(
      served('web'),
      routes(`{ match: [{ headers: { "@request.auth.claims.group": { exact: a } } }], ${to('web')} }`),
      resource('RequestAuthentication', 'tokens', '{ jwtRules: [{ issuer: a }] }', 'security.istio.io/v1'),
    ),
    at: 'claims',
    says: /for calls in the mesh, which the client's proxy routes before the server's checks their tokens/,
    good: join(served('web'), routes(`{ match: [{ headers: { x-group: { exact: a } } }], ${to('web')} }`)),
  },
  {
    code: 'IST0127',
    name: 'a policy for a gateway that is not there, and one for a waypoint',
    bad: resource(
      'AuthorizationPolicy',
      'edge',
      '{ targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }] }',
      'security.istio.io/v1',
    ),
    at: 'targetRefs',
    says: /labelled gateway.networking.k8s.io\/gateway-name: "edge"/,
    good: resource('AuthorizationPolicy', 'web', '{ targetRefs: [{ kind: Service, name: web }] }', 'security.istio.io/v1'),
  },
  {
    code: 'TUL238',
    name: 'what is passed through to an address of the mesh',
    bad: join(served('web'), rule('web', 'trafficPolicy: { loadBalancer: { simple: PASSTHROUGH } }')),
    at: 'PASSTHROUGH',
    says: /clients of "web.shop.svc.cluster.local" dial 240\.240\.\d+\.\d+, which stands for it and is nobody's/,
    good: join(
      served('web').replace('spec: { selector: { app: web }', 'spec: { clusterIP: None, selector: { app: web }'),
      rule('web', 'trafficPolicy: { loadBalancer: { simple: PASSTHROUGH } }'),
    ),
  },
];

testCases(CASES);
