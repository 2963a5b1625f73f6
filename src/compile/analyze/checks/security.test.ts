/** Analysers of policies, mutual TLS and tokens. */
import { GATEWAY_WORKLOAD, join, resource, served, service, testCases, to, workload, type Case } from '../testing/cases.ts';

const WEB = served('web');
const BYTES = served('bytes', 'name: tcp-b, port: 7000');
const SECURITY = 'security.istio.io/v1';
const rule = (spec: string): string => resource('DestinationRule', 'web', spec);
const peers = (spec: string): string => resource('PeerAuthentication', 'web', spec, SECURITY);
const policy = (spec: string): string => resource('AuthorizationPolicy', 'web', spec, SECURITY);
const tokens = (spec = '{ selector: { matchLabels: { app: web } }, jwtRules: [{ issuer: a }] }'): string =>
  resource('RequestAuthentication', 'web', spec, SECURITY);
const FOR_WEB = 'selector: { matchLabels: { app: web } }';
const source = (text: string): string => policy(`{ ${FOR_WEB}, action: ALLOW, rules: [{ from: [{ source: { ${text} } }] }] }`);
const operation = (text: string, action = 'ALLOW'): string =>
  policy(`{ ${FOR_WEB}, action: ${action}, rules: [{ to: [{ operation: { ${text} } }] }] }`);

const CASES: readonly Case[] = [
  {
    code: 'TUL201',
    name: 'TLS turned off to STRICT',
    bad: join(WEB, peers('{ mtls: { mode: STRICT } }'), rule('{ host: web, trafficPolicy: { tls: { mode: DISABLE } } }')),
    at: 'DISABLE',
    says: /clients speak DISABLE to port 80 .* accepts mutual TLS only \(STRICT\): connections fail/,
    good: join(WEB, peers('{ mtls: { mode: PERMISSIVE } }'), rule('{ host: web, trafficPolicy: { tls: { mode: DISABLE } } }')),
  },
  {
    code: 'TUL201',
    name: 'the mesh is STRICT',
    bad: join(
      WEB,
      peers('{ mtls: { mode: STRICT } }').replace('namespace: shop', 'namespace: istio-system'),
      rule('{ host: web, trafficPolicy: { tls: { mode: SIMPLE } } }'),
    ),
    at: 'SIMPLE',
    says: /speak SIMPLE/,
    good: join(
      WEB,
      peers('{ mtls: { mode: STRICT } }').replace('namespace: shop', 'namespace: istio-system'),
      peers('{ mtls: { mode: PERMISSIVE } }'),
      rule('{ host: web, trafficPolicy: { tls: { mode: SIMPLE } } }'),
    ),
  },
  {
    code: 'TUL201',
    name: 'one port of the client, one of the server',
    bad: join(
      WEB,
      peers(`{ ${FOR_WEB}, mtls: { mode: PERMISSIVE }, portLevelMtls: { 80: { mode: STRICT } } }`),
      rule('{ host: web, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: DISABLE } }] } }'),
    ),
    at: 'DISABLE',
    says: /port 80/,
    good: join(
      WEB,
      peers(`{ ${FOR_WEB}, mtls: { mode: STRICT }, portLevelMtls: { 80: { mode: PERMISSIVE } } }`),
      rule('{ host: web, trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: DISABLE } }] } }'),
    ),
  },
  {
    code: 'TUL201',
    name: 'a gateway takes what its Gateway says, whatever the PeerAuthentication',
    bad: join(WEB, peers('{ mtls: { mode: STRICT } }'), rule('{ host: web, trafficPolicy: { tls: { mode: DISABLE } } }')),
    at: 'DISABLE',
    says: /STRICT/,
    good: join(
      service('web'),
      GATEWAY_WORKLOAD.replace('gw: a', 'app: web'),
      peers('{ mtls: { mode: STRICT } }'),
      rule('{ host: web, trafficPolicy: { tls: { mode: DISABLE } } }'),
    ),
  },
  {
    code: 'TUL202',
    name: 'mutual TLS to a workload that has it disabled',
    bad: join(WEB, peers('{ mtls: { mode: DISABLE } }'), rule('{ host: web, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }')),
    at: 'ISTIO_MUTUAL',
    says: /has mutual TLS disabled: connections fail/,
    good: join(WEB, rule('{ host: web, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }')),
  },
  {
    code: 'TUL202',
    name: 'a subset without proxies',
    bad: join(
      service('web'),
      workload('web').replace('command: [run]', 'inject: false, command: [run]'),
      rule('{ host: web, subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }] }'),
    ),
    at: 'ISTIO_MUTUAL',
    says: /has no proxy/,
    good: join(
      WEB,
      rule('{ host: web, subsets: [{ name: v1, labels: { version: v1 }, trafficPolicy: { tls: { mode: ISTIO_MUTUAL } } }] }'),
    ),
  },
  {
    code: 'TUL203',
    name: 'an account that nothing runs as',
    bad: join(WEB, source('principals: [cluster.local/ns/shop/sa/wbe]')),
    at: 'sa/wbe',
    says: /nothing runs as "cluster.local\/ns\/shop\/sa\/wbe"/,
    good: join(WEB, source('principals: [cluster.local/ns/shop/sa/web, "*/sa/web", "cluster.local/*"]')),
  },
  {
    code: 'TUL203',
    name: 'another trust domain',
    bad: join(WEB, source('principals: [other.example/ns/shop/sa/web]')),
    at: 'other.example',
    says: /trust domain is "cluster.local"/,
    good: join(WEB, source('principals: ["*/ns/shop/sa/web"]')),
  },
  {
    code: 'TUL203',
    name: 'a principal with its scheme',
    bad: join(WEB, source('principals: ["spiffe://cluster.local/ns/shop/sa/web"]')),
    at: 'spiffe:',
    says: /without spiffe:/,
    good: join(WEB, source('principals: ["cluster.local/ns/shop/sa/web"]')),
  },
  {
    code: 'TUL203',
    name: 'a namespace and an account that do not exist',
    bad: join(WEB, source('namespaces: [office]')),
    at: 'office',
    says: /no namespace "office"/,
    good: join(
      WEB,
      source('serviceAccounts: [web]'),
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: batch, namespace: shop }',
      source('serviceAccounts: [shop/batch]').replace('name: web', 'name: other'),
    ),
  },
  {
    code: 'TUL204',
    name: "the Service's port for the workload's",
    bad: join(service('web', 'name: http, port: 80, targetPort: 8080'), workload('web'), operation('ports: ["80"]')),
    at: 'ports: ["80"]',
    says: /has port 80 \(they have 8080\)/,
    good: join(service('web', 'name: http, port: 80, targetPort: 8080'), workload('web'), operation('ports: ["8080"]')),
  },
  {
    code: 'TUL205',
    name: 'no rule of an ALLOW policy can match',
    bad: join(WEB, source('principals: [cluster.local/ns/shop/sa/wbe]')),
    at: 'rules',
    says: /shop\/web answer 403 to every request/,
    good: join(
      WEB,
      policy(
        '{ action: ALLOW, rules: [{ from: [{ source: { principals: [cluster.local/ns/x/sa/y] } }] }, { to: [{ operation: { methods: [GET] } }] }] }',
      ),
      policy('{}').replace('name: web', 'name: nothing'),
    ),
  },
  {
    code: 'TUL206',
    name: 'a path without a slash',
    bad: join(WEB, operation('paths: ["api/*"]', 'DENY')),
    at: 'api/*',
    says: /does not begin with \/.*DENY applies to no request/,
    good: join(WEB, operation('paths: ["/api/*", "*.php", "*"]', 'DENY')),
  },
  {
    code: 'TUL206',
    name: 'a query in a path',
    bad: join(WEB, operation('paths: ["/a?b=c"]')),
    at: '/a?b=c',
    says: /query/,
    good: join(WEB, operation('paths: ["/a"]')),
  },
  {
    code: 'TUL206',
    name: 'a method in lower case, a host with a scheme',
    bad: join(WEB, operation('methods: [get], hosts: ["http://web"]')),
    at: 'http://web',
    says: /scheme/,
    good: join(WEB, operation('methods: [GET], hosts: [web, "web:*"]')),
  },
  {
    code: 'TUL207',
    name: 'methods for a port of bytes',
    bad: join(
      BYTES,
      policy('{ selector: { matchLabels: { app: bytes } }, action: DENY, rules: [{ to: [{ operation: { methods: [GET] } }] }] }'),
    ),
    at: 'methods',
    says: /port 7000 of shop\/bytes is not read as HTTP: the rule denies there/,
    good: join(WEB, operation('methods: [GET]', 'DENY')),
  },
  {
    code: 'TUL208',
    name: 'tokens that nothing asks for',
    bad: join(WEB, tokens()),
    at: 'jwtRules',
    says: /requests without one pass/,
    good: join(WEB, tokens(), source('requestPrincipals: ["*"]')),
  },
  {
    code: 'TUL208',
    name: 'tokens that a DENY policy asks for',
    bad: join(WEB, tokens(), operation('methods: [GET]')),
    at: 'jwtRules',
    says: /no AuthorizationPolicy for shop\/web asks for a token/,
    good: join(WEB, tokens(), policy(`{ ${FOR_WEB}, action: DENY, rules: [{ from: [{ source: { notRequestPrincipals: ["*"] } }] }] }`)),
  },
  {
    code: 'TUL209',
    name: 'claims where nothing checks tokens',
    bad: join(WEB, policy(`{ ${FOR_WEB}, rules: [{ when: [{ key: "request.auth.claims[group]", values: [admin] }] }] }`)),
    at: 'request.auth.claims',
    says: /nothing checks tokens for shop\/web/,
    good: join(WEB, tokens(), policy(`{ ${FOR_WEB}, rules: [{ when: [{ key: "request.auth.claims[group]", values: [admin] }] }] }`)),
  },
  {
    code: 'IST0149',
    name: 'routes by claims that nothing checks',
    bad: join(
      WEB,
      GATEWAY_WORKLOAD,
      resource('Gateway', 'edge', '{ selector: { gw: a }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }'),
      resource(
        'VirtualService',
        'web',
        `{ hosts: ["*"], gateways: [edge], http: [{ match: [{ headers: { "@request.auth.claims.group": { exact: a } } }], ${to('web')} }] }`,
      ),
    ),
    at: '@request.auth.claims',
    says: /the match never holds/,
    good: join(
      WEB,
      GATEWAY_WORKLOAD,
      resource('Gateway', 'edge', '{ selector: { gw: a }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }'),
      tokens('{ selector: { matchLabels: { gw: a } }, jwtRules: [{ issuer: a }] }'),
      resource(
        'VirtualService',
        'web',
        `{ hosts: ["*"], gateways: [edge], http: [{ match: [{ headers: { "@request.auth.claims.group": { exact: a } } }], ${to('web')} }] }`,
      ),
    ),
  },
  {
    code: 'TUL223',
    name: 'portLevelMtls of a port that is not there',
    bad: join(
      service('web', 'name: http, port: 80, targetPort: 8080'),
      workload('web'),
      peers(`{ ${FOR_WEB}, mtls: { mode: STRICT }, portLevelMtls: { 80: { mode: DISABLE } } }`),
    ),
    at: '80: {',
    says: /no selected workload has port 80 \(they have 8080\)/,
    good: join(
      service('web', 'name: http, port: 80, targetPort: 8080'),
      workload('web'),
      peers(`{ ${FOR_WEB}, mtls: { mode: STRICT }, portLevelMtls: { 8080: { mode: DISABLE } } }`),
    ),
  },
  {
    code: 'IST0127',
    name: 'a policy for a Gateway that nothing is',
    bad: join(WEB, policy('{ targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }], rules: [{}] }')),
    at: 'targetRefs',
    says: /is labelled gateway.networking.k8s.io\/gateway-name: "edge": the policy does nothing/,
    good: join(
      WEB,
      GATEWAY_WORKLOAD.replace('gw: a', '"gateway.networking.k8s.io/gateway-name": edge'),
      policy('{ targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }], rules: [{}] }'),
    ),
  },
  {
    code: 'IST0127',
    name: 'a DestinationRule for clients that nobody is',
    bad: join(WEB, rule('{ host: web, workloadSelector: { matchLabels: { app: wbe } } }')),
    at: 'workloadSelector',
    says: /the rule is for no client/,
    good: join(WEB, rule('{ host: web, workloadSelector: { matchLabels: { app: web } } }')),
  },
  {
    code: 'IST0127',
    name: 'a ProxyConfig for labels that nothing has',
    bad: join(
      WEB,
      resource('ProxyConfig', 'web', '{ selector: { matchLabels: { app: wbe } }, concurrency: 1 }', 'networking.istio.io/v1beta1'),
    ),
    at: 'selector',
    says: /the ProxyConfig does nothing/,
    good: join(WEB, resource('ProxyConfig', 'web', `{ ${FOR_WEB}, concurrency: 1 }`, 'networking.istio.io/v1beta1')),
  },
  {
    code: 'IST0127',
    name: 'a policy for labels that nothing has',
    bad: join(WEB, policy('{ selector: { matchLabels: { app: wbe } }, rules: [{}] }')),
    at: 'selector',
    says: /does nothing/,
    good: join(
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web, namespace: shop }\nspec: { template: { metadata: { labels: { app: web } } } }',
      policy(`{ ${FOR_WEB}, rules: [{}] }`),
    ),
  },
];

testCases(CASES);
