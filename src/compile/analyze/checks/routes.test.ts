/** Analysers of routes and DestinationRules. */
import { join, resource, routes, served, service, testCases, to, workload, type Case } from '../testing/cases.ts';

const WEB = served('web');
const rule = (spec: string): string => resource('DestinationRule', 'web', spec);
const entry = (protocol: string): string =>
  resource(
    'ServiceEntry',
    'api',
    `{ hosts: [api.example.com], ports: [{ number: 443, name: out, protocol: ${protocol} }], resolution: DNS }`,
  );

const CASES: readonly Case[] = [
  {
    code: 'IST0130',
    name: 'a rule behind a catch-all',
    bad: join(WEB, routes(`{ ${to('web')} }`, `{ match: [{ uri: { prefix: /a } }], ${to('web')} }`)),
    at: '/a',
    says: /takes every request: this rule is never reached/,
    good: join(WEB, routes(`{ match: [{ uri: { prefix: /a } }], ${to('web')} }`, `{ ${to('web')} }`)),
  },
  {
    code: 'IST0130',
    name: 'a narrower prefix behind a wider one',
    bad: join(WEB, routes(`{ match: [{ uri: { prefix: /a } }], ${to('web')} }`, `{ match: [{ uri: { exact: /a/b } }], ${to('web')} }`)),
    at: '/a/b',
    says: /takes every request that this one would/,
    good: join(
      WEB,
      routes(
        `{ match: [{ uri: { prefix: /a }, method: { exact: GET } }], ${to('web')} }`,
        `{ match: [{ uri: { exact: /a/b } }], ${to('web')} }`,
      ),
    ),
  },
  {
    code: 'IST0130',
    name: 'the same headers in another order',
    bad: join(
      WEB,
      routes(
        `{ match: [{ headers: { a: { exact: x }, b: { exact: y } } }], ${to('web')} }`,
        `{ match: [{ headers: { b: { exact: y }, a: { exact: x } } }], ${to('web')} } # twin`,
      ),
    ),
    at: '# twin',
    says: /never reached/,
    good: join(
      WEB,
      routes(
        `{ match: [{ headers: { a: { exact: x }, b: { exact: y } } }], ${to('web')} }`,
        `{ match: [{ headers: { b: { exact: y } } }], ${to('web')} }`,
      ),
    ),
  },
  {
    code: 'IST0130',
    name: 'a regular expression covers a path',
    bad: join(
      WEB,
      routes(`{ match: [{ uri: { regex: "/v[0-9]+/x" } }], ${to('web')} }`, `{ match: [{ uri: { exact: /v2/x } }], ${to('web')} }`),
    ),
    at: '/v2/x',
    says: /never reached/,
    good: join(
      WEB,
      routes(`{ match: [{ uri: { regex: "/v[0-9]+/x" } }], ${to('web')} }`, `{ match: [{ uri: { exact: /v2/y } }], ${to('web')} }`),
    ),
  },
  {
    code: 'IST0130',
    name: 'without a header is wider than without any value of it',
    bad: join(
      WEB,
      routes(
        `{ match: [{ withoutHeaders: { a: { exact: x } } }], ${to('web')} }`,
        `{ match: [{ withoutHeaders: { a: {} } }], ${to('web')} } # narrower`,
      ),
    ),
    at: '# narrower',
    says: /never reached/,
    good: join(
      WEB,
      routes(
        `{ match: [{ withoutHeaders: { a: {} } }], ${to('web')} }`,
        `{ match: [{ withoutHeaders: { a: { exact: x } } }], ${to('web')} }`,
      ),
    ),
  },
  {
    code: 'IST0130',
    name: 'TCP behind a rule without match',
    bad: join(
      WEB,
      resource('VirtualService', 'web', `\n  hosts: [web]\n  tcp:\n    - { ${to('web')} }\n    - { match: [{ port: 80 }], ${to('web')} }`),
    ),
    at: 'port: 80 }]',
    says: /takes every connection/,
    good: join(
      WEB,
      resource('VirtualService', 'web', `\n  hosts: [web]\n  tcp:\n    - { match: [{ port: 80 }], ${to('web')} }\n    - { ${to('web')} }`),
    ),
  },
  {
    code: 'IST0131',
    name: 'one match of several is taken above',
    bad: join(
      WEB,
      routes(
        `{ match: [{ uri: { prefix: /a } }], ${to('web')} }`,
        `\n        match:\n          - { uri: { exact: /a/b } }\n          - { uri: { exact: /c } }\n        ${to('web')}`,
      ),
    ),
    at: '/a/b',
    says: /has no effect/,
    good: join(
      WEB,
      routes(
        `{ match: [{ uri: { prefix: /a/ } }], ${to('web')} }`,
        `{ match: [{ uri: { exact: /b } }, { uri: { exact: /c } }], ${to('web')} }`,
      ),
    ),
  },
  {
    code: 'TUL220',
    name: 'a path without a slash',
    bad: join(WEB, routes(`{ match: [{ uri: { prefix: api } }], ${to('web')} }`)),
    at: 'prefix: api',
    says: /every path does: the match never holds/,
    good: join(WEB, routes(`{ match: [{ uri: { prefix: /api } }], ${to('web')} }`)),
  },
  {
    code: 'TUL220',
    name: 'a port that the hosts do not have',
    bad: join(WEB, routes(`{ match: [{ port: 8080 }], ${to('web')} }`)),
    at: '8080',
    says: /has port 8080 \(they have 80\)/,
    good: join(WEB, routes(`{ match: [{ port: 80 }], ${to('web')} }`)),
  },
  {
    code: 'TUL220',
    name: 'callers with labels that nothing has',
    bad: join(WEB, routes(`{ match: [{ sourceLabels: { app: wbe } }], ${to('web')} }`)),
    at: 'wbe',
    says: /no calling workload has the labels app=wbe/,
    good: join(WEB, routes(`{ match: [{ sourceLabels: { app: web } }], ${to('web')} }`)),
  },
  {
    code: 'TUL220',
    name: 'a method in lower case',
    bad: join(WEB, routes(`{ match: [{ method: { exact: get } }], ${to('web')} }`)),
    at: 'exact: get',
    says: /upper case/,
    good: join(WEB, routes(`{ match: [{ method: { exact: GET } }], ${to('web')} }`)),
  },
  {
    code: 'TUL221',
    name: 'a plain word as regular expression',
    bad: join(WEB, routes(`{ match: [{ headers: { user-agent: { regex: Mobile } } }], ${to('web')} }`)),
    at: 'Mobile',
    says: /matches "Mobile" alone/,
    good: join(WEB, routes(`{ match: [{ headers: { user-agent: { regex: ".*Mobile.*" } } }], ${to('web')} }`)),
  },
  {
    code: 'TUL221',
    name: 'a path expression without a slash',
    bad: join(WEB, routes(`{ match: [{ uri: { regex: "api/.*" } }], ${to('web')} }`)),
    at: 'api/.*',
    says: /it never matches/,
    good: join(WEB, routes(`{ match: [{ uri: { regex: "^/api/.*$" } }], ${to('web')} }`)),
  },
  {
    code: 'TUL221',
    name: 'a dot in the expression of a host',
    bad: join(WEB, routes(`{ match: [{ authority: { regex: "(www|shop).example.com" } }], ${to('web')} }`)),
    at: 'example.com',
    says: /a dot stands for any character/,
    good: join(WEB, routes(String.raw`{ match: [{ authority: { regex: '(www|shop)\.example\.com' } }], ${to('web')} }`)),
  },
  {
    code: 'TUL222',
    name: 'an expression that begins with anything',
    bad: join(WEB, routes(`{ match: [{ uri: { regex: ".*/admin" } }], ${to('web')} }`)),
    at: '.*/admin',
    says: /whatever comes before/,
    good: join(WEB, routes(`{ match: [{ uri: { regex: "/v1/.*" } }], ${to('web')} }`)),
  },
  {
    code: 'TUL210',
    name: 'POST is retried on 5xx',
    bad: join(WEB, routes(`{ match: [{ method: { exact: POST } }], retries: { attempts: 2, retryOn: 5xx }, ${to('web')} }`)),
    at: 'retryOn: 5xx',
    says: /POST requests are sent again on "5xx"/,
    severity: 'warning',
    good: join(
      WEB,
      routes(`{ match: [{ method: { exact: POST } }], retries: { attempts: 2, retryOn: "connect-failure,refused-stream" }, ${to('web')} }`),
    ),
  },
  {
    code: 'TUL210',
    name: 'a rule for any method',
    bad: join(WEB, routes(`{ retries: { attempts: 2, retryOn: reset }, ${to('web')} }`)),
    at: 'retryOn: reset',
    says: /every method/,
    severity: 'info',
    good: join(WEB, routes(`{ match: [{ method: { regex: "GET|HEAD" } }], retries: { attempts: 2, retryOn: reset }, ${to('web')} }`)),
  },
  {
    code: 'TUL211',
    name: 'retries that nothing bounds',
    bad: join(WEB, routes(`{ retries: { attempts: 2, retryOn: connect-failure }, ${to('web')} }`)),
    at: 'retries',
    says: /no DestinationRule bounds/,
    good: join(
      WEB,
      rule('{ host: web, trafficPolicy: { retryBudget: { percent: 20 } } }'),
      routes(`{ retries: { attempts: 2 }, ${to('web')} }`),
    ),
  },
  {
    code: 'TUL212',
    name: 'a timeout that ends with the first attempt',
    bad: join(WEB, routes(`{ timeout: 2s, retries: { attempts: 2, perTryTimeout: 2s }, ${to('web')} }`)),
    at: 'timeout: 2s',
    says: /ends before an attempt that hangs can be retried/,
    severity: 'warning',
    good: join(WEB, routes(`{ timeout: 6s, retries: { attempts: 2, perTryTimeout: 2s }, ${to('web')} }`)),
  },
  {
    code: 'TUL212',
    name: 'a timeout for some of the attempts',
    bad: join(WEB, routes(`{ timeout: 5s, retries: { attempts: 2, perTryTimeout: 2s }, ${to('web')} }`)),
    at: 'timeout: 5s',
    says: /of 3 attempts that hang only 2/,
    severity: 'info',
    good: join(WEB, routes(`{ timeout: 1s, retries: { attempts: 0, perTryTimeout: 2s }, ${to('web')} }`)),
  },
  {
    code: 'TUL213',
    name: 'retries of an injected abort',
    bad: join(WEB, routes(`{ fault: { abort: { httpStatus: 503, percentage: { value: 10 } } }, retries: { attempts: 3 }, ${to('web')} }`)),
    at: 'fault',
    says: /none of them is retried/,
    good: join(WEB, routes(`{ fault: { abort: { httpStatus: 503, percentage: { value: 10 } } }, ${to('web')} }`)),
  },
  {
    code: 'TUL214',
    name: 'weights that are more than all',
    bad: join(WEB, routes('{ route: [{ destination: { host: web }, weight: 90 }, { destination: { host: web }, weight: 20 }] }')),
    at: 'weight: 90',
    says: /add up to 110: 90 of 110 is 81.8 %/,
    good: join(WEB, routes('{ route: [{ destination: { host: web }, weight: 90 }, { destination: { host: web }, weight: 10 }] }')),
  },
  {
    code: 'TUL215',
    name: 'no weight beside others',
    bad: join(WEB, routes('{ route: [{ destination: { host: web }, weight: 100 }, { destination: { host: web } }] }')),
    at: 'weight: 100',
    says: /it gets no traffic/,
    good: join(WEB, routes('{ route: [{ destination: { host: web }, weight: 100 }, { destination: { host: web }, weight: 0 }] }')),
  },
  {
    code: 'TUL216',
    name: 'a service that the followers of the route do not see',
    bad: join(
      WEB,
      served('back').replace(
        'metadata: { name: back, namespace: shop }',
        'metadata: { name: back, namespace: shop, annotations: { networking.istio.io/exportTo: "." } }',
      ),
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: office }',
      routes(`{ ${to('back')} }`),
    ),
    at: 'host: back',
    says: /is not exported to .*office.*503/,
    good: join(WEB, served('back'), 'apiVersion: v1\nkind: Namespace\nmetadata: { name: office }', routes(`{ ${to('back')} }`)),
  },
  {
    code: 'TUL217',
    name: 'a subset that nothing is routed to',
    bad: join(WEB, rule('{ host: web, subsets: [{ name: v1, labels: { version: v1 } }] }')),
    at: 'name: v1',
    says: /no route leads to subset "v1"/,
    good: join(WEB, rule('{ host: web, subsets: [{ name: v1, labels: { version: v1 } }] }'), routes(`{ ${to('web', ', subset: v1')} }`)),
  },
  {
    code: 'IST0173',
    name: 'a subset without endpoints',
    bad: join(WEB, rule('{ host: web, subsets: [{ name: v2, labels: { version: v2 } }] }'), routes(`{ ${to('web', ', subset: v2')} }`)),
    at: 'name: v2',
    says: /no endpoint .* has version=v2.*503/,
    good: join(
      WEB,
      workload('web', 'version: v2').replace('name: web,', 'name: web-v2,'),
      rule('{ host: web, subsets: [{ name: v2, labels: { version: v2 } }] }'),
    ),
  },
  {
    code: 'IST0174',
    name: 'a rule for a host that nobody has',
    bad: join(WEB, rule('{ host: wbe, trafficPolicy: { loadBalancer: { simple: RANDOM } } }')),
    at: 'host: wbe',
    says: /the rule does nothing/,
    good: join(WEB, rule('{ host: "*.shop.svc.cluster.local", trafficPolicy: { loadBalancer: { simple: RANDOM } } }')),
  },
  {
    code: 'TUL219',
    name: 'a short name in another namespace',
    bad: join(WEB, routes(`{ ${to('web')} }`).replace('namespace: shop', 'namespace: office')),
    at: 'host: web',
    says: /read as "web.office.svc.cluster.local".*there is "web.shop.svc.cluster.local"/,
    good: join(
      WEB,
      routes(`{ ${to('web.shop.svc.cluster.local')} }`)
        .replace('namespace: shop', 'namespace: office')
        .replace('[web]', '[web.shop.svc.cluster.local]'),
    ),
  },
  {
    code: 'TUL219',
    name: 'a name with its namespace and no more',
    bad: join(WEB, rule('{ host: web.shop, trafficPolicy: { loadBalancer: { simple: RANDOM } } }')),
    at: 'host: web.shop',
    says: /the rule does nothing/,
    good: join(WEB, rule('{ host: web, trafficPolicy: { loadBalancer: { simple: RANDOM } } }')),
  },
  {
    code: 'IST0112',
    name: 'several ports and none named',
    bad: join(WEB, service('multi', 'name: http-a, port: 81 }, { name: http-b, port: 82'), workload('multi'), routes(`{ ${to('multi')} }`)),
    at: 'host: multi',
    says: /has ports 81, 82 and none is named: requests that come in by port 80/,
    good: join(
      WEB,
      service('multi', 'name: http-a, port: 80 }, { name: http-b, port: 82'),
      workload('multi'),
      routes(`{ ${to('multi')} }`),
    ),
  },
  {
    code: 'IST0128',
    name: 'TLS under a name that the certificate is not held to',
    bad: rule('{ host: api.example.com, trafficPolicy: { tls: { mode: SIMPLE, sni: api.example.com } } }'),
    at: 'tls',
    says: /any certificate of a public CA passes/,
    good: rule('{ host: api.example.com, trafficPolicy: { tls: { mode: SIMPLE } } }'),
  },
  {
    code: 'IST0128',
    name: 'TLS to bytes, which have no authority',
    bad: join(entry('TCP'), rule('{ host: api.example.com, trafficPolicy: { tls: { mode: SIMPLE } } }')),
    at: 'tls',
    says: /any certificate of a public CA passes/,
    good: join(entry('HTTP'), rule('{ host: api.example.com, trafficPolicy: { tls: { mode: SIMPLE } } }')),
  },
  {
    code: 'IST0129',
    name: 'TLS of a port that is not checked',
    bad: rule(
      '{ host: api.example.com, trafficPolicy: { portLevelSettings: [{ port: { number: 443 }, tls: { mode: SIMPLE, insecureSkipVerify: true } }] } }',
    ),
    at: '443',
    says: /TLS to port 443 .* not checked/,
    good: rule(
      '{ host: api.example.com, trafficPolicy: { portLevelSettings: [{ port: { number: 443 }, tls: { mode: SIMPLE, caCertificates: /ca.pem } }] } }',
    ),
  },
];

testCases(CASES);
