/** Analysers of services, workloads and what configures proxies; the compiler's own diagnostics under Istio's codes. */
import { join, resource, routes, served, service, testCases, to, workload, type Case } from '../testing/cases.ts';

const WEB = served('web');
const deployment = (spec: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec: { template: { metadata: { labels: { app: web } }, spec: ${spec} } }`;
const sidecar = (name: string, spec: string): string => resource('Sidecar', name, spec, 'networking.istio.io/v1');
const mesh = (spec: string): string => resource('MeshConfig', 'mesh', spec, 'tulle.dev/v1');
const ZIPKIN = '{ extensionProviders: [{ name: zipkin, zipkin: { service: web.shop.svc.cluster.local, port: 80 } }] }';
const telemetry = (name: string, spec: string): string => resource('Telemetry', name, spec, 'telemetry.istio.io/v1');
const secured = (ca: string): string =>
  resource('DestinationRule', 'web', `{ host: web, trafficPolicy: { tls: { mode: SIMPLE, credentialName: ${ca} } } }`);
const entry = (spec: string): string => resource('ServiceEntry', 'out', spec);

const CASES: readonly Case[] = [
  {
    code: 'IST0118',
    name: 'a port without protocol',
    bad: served('web', 'name: main, port: 8080'),
    at: 'main',
    says: /is called "main", which names no protocol/,
    good: served('web', 'name: main, port: 8080, appProtocol: http'),
  },
  {
    code: 'IST0116',
    name: 'two protocols for one port of a workload',
    bad: join(WEB, service('other', 'name: tcp-x, port: 80').replace('app: other', 'app: web')),
    at: 'tcp-x',
    says: /port 80 of workload shop\/web is tcp here and http in Service shop\/web/,
    good: join(WEB, service('other', 'name: http-x, port: 80').replace('app: other', 'app: web')),
  },
  {
    code: 'IST0137',
    name: 'two ports of Services for one of a workload',
    bad: join(WEB, service('other', 'name: http-x, port: 81, targetPort: 80').replace('app: other', 'app: web')),
    at: '81',
    says: /is reached by port 81 here and by 80 of Service shop\/web/,
    good: join(WEB, service('other', 'name: http-x, port: 81, targetPort: 81').replace('app: other', 'app: web')),
  },
  {
    code: 'IST0134',
    name: 'TCP outside without an address',
    bad: entry(
      '{ hosts: ["*.example.com"], ports: [{ number: 5000, name: tcp, protocol: TCP }], location: MESH_EXTERNAL, resolution: NONE }',
    ),
    at: '5000',
    says: /every connection to port 5000, wherever to, counts as its/,
    good: entry(
      '{ hosts: ["*.example.com"], addresses: [192.0.2.0/24], ports: [{ number: 5000, name: tcp, protocol: TCP }], location: MESH_EXTERNAL, resolution: NONE }',
    ),
  },
  {
    code: 'IST0144',
    name: "the proxy's user",
    bad: deployment('{ containers: [{ name: app, securityContext: { runAsUser: 1337 } }] }'),
    at: '1337',
    says: /is the proxy's: what it sends is neither routed nor encrypted/,
    good: deployment('{ containers: [{ name: istio-proxy, securityContext: { runAsUser: 1337 } }, { name: app }] }'),
  },
  {
    code: 'IST0111',
    name: 'two Sidecars for all of a namespace',
    bad: join(WEB, sidecar('one', '{ egress: [{ hosts: ["./*"] }] }'), sidecar('two', '{ egress: [{ hosts: ["*/*"] }] } # second')),
    at: 'apiVersion',
    says: /Sidecar shop\/one .* is for all workloads of namespace shop, too/,
    good: join(
      WEB,
      sidecar('one', '{ egress: [{ hosts: ["./*"] }] }'),
      sidecar('two', '{ egress: [{ hosts: ["./*"] }] }').replace('namespace: shop', 'namespace: office'),
    ),
  },
  {
    code: 'IST0110',
    name: 'two Sidecars for one workload',
    bad: join(
      WEB,
      sidecar('one', '{ workloadSelector: { labels: { app: web } }, egress: [{ hosts: ["./*"] }] }'),
      sidecar('two', '{ workloadSelector: { labels: { version: v1 } }, egress: [{ hosts: ["./*"] }] }'),
    ),
    at: 'version: v1 } }, egress',
    says: /selects workload shop\/web, too/,
    good: join(
      WEB,
      served('other'),
      sidecar('one', '{ workloadSelector: { labels: { app: web } }, egress: [{ hosts: ["./*"] }] }'),
      sidecar('two', '{ workloadSelector: { labels: { app: other } }, egress: [{ hosts: ["./*"] }] }'),
    ),
  },
  {
    code: 'IST0127',
    name: 'a Sidecar for labels that nothing has',
    bad: join(WEB, sidecar('one', '{ workloadSelector: { labels: { app: wbe } }, egress: [{ hosts: ["./*"] }] }')),
    at: 'wbe',
    says: /the Sidecar does nothing/,
    good: join(WEB, sidecar('one', '{ workloadSelector: { labels: { app: web } }, egress: [{ hosts: ["./*"] }] }')),
  },
  {
    code: 'IST0160',
    name: 'two Telemetry resources for a namespace',
    bad: join(
      WEB,
      telemetry('one', '{ tracing: [{ randomSamplingPercentage: 1 }] }'),
      telemetry('two', '{ tracing: [{ randomSamplingPercentage: 2 }] }'),
    ),
    at: 'apiVersion',
    says: /of the younger are not sent/,
    good: join(WEB, telemetry('one', '{ tracing: [{ randomSamplingPercentage: 1 }] }')),
  },
  {
    code: 'IST0159',
    name: 'two Telemetry resources for a workload',
    bad: join(
      WEB,
      telemetry('one', '{ selector: { matchLabels: { app: web } } }'),
      telemetry('two', '{ selector: { matchLabels: { version: v1 } } }'),
    ),
    at: 'version: v1 } } }',
    says: /selects workload shop\/web, too/,
    good: join(WEB, telemetry('one', '{ selector: { matchLabels: { app: web } } }'), telemetry('two', '{}')),
  },
  {
    code: 'IST0157',
    name: 'logs without a provider',
    bad: join(WEB, telemetry('one', '{ accessLogging: [{ filter: { expression: "true" } }] }')),
    at: 'accessLogging',
    says: /only where the mesh has a default provider/,
    good: join(WEB, telemetry('one', '{ accessLogging: [{ providers: [{ name: envoy }] }] }')),
  },
  {
    code: 'IST0157',
    name: 'logs turned off that nobody named',
    bad: join(WEB, mesh('{ accessLogFile: /dev/stdout }'), telemetry('one', '{ accessLogging: [{ disabled: true }] }')),
    at: 'accessLogging',
    says: /the logs of accessLogFile go on/,
    good: join(WEB, mesh('{ defaultProviders: { accessLogging: [envoy] } }'), telemetry('one', '{ accessLogging: [{ disabled: true }] }')),
  },
  {
    code: 'IST0157',
    name: 'a provider that does not exist',
    bad: join(WEB, telemetry('one', '{ accessLogging: [{ providers: [{ name: envoi }] }] }')),
    at: 'envoi',
    says: /there is no extensionProvider "envoi"/,
    good: join(WEB, telemetry('one', '{ accessLogging: [{ providers: [{ name: envoy }] }] }')),
  },
  {
    code: 'IST0157',
    name: 'a default provider that does not exist',
    bad: join(WEB, mesh('{ defaultProviders: { tracing: [zipkim] } }')),
    at: 'zipkim',
    says: /there is no extensionProvider "zipkim"/,
    good: join(WEB, mesh(ZIPKIN.replace('{ ', '{ defaultProviders: { tracing: [zipkin] }, '))),
  },
  {
    code: 'IST0157',
    name: 'a provider that takes something else',
    bad: join(WEB, telemetry('one', '{ tracing: [{ providers: [{ name: envoy }] }] }')),
    at: 'name: envoy',
    says: /takes no spans/,
    good: join(WEB, mesh(ZIPKIN), telemetry('one', '{ tracing: [{ providers: [{ name: zipkin }] }] }')),
  },
  {
    code: 'IST0157',
    name: 'a provider whose service does not exist',
    bad: join(WEB, mesh(ZIPKIN.replace('web.shop', 'wbe.shop')), telemetry('one', '{ tracing: [{ providers: [{ name: zipkin }] }] }')),
    at: 'tracing:',
    says: /there is no service "wbe\.shop\.svc\.cluster\.local"/,
    good: join(WEB, mesh(ZIPKIN), telemetry('one', '{ tracing: [{ providers: [{ name: zipkin }] }] }')),
  },
  {
    code: 'TUL224',
    name: 'an older version',
    bad: join(WEB, routes(`{ ${to('web')} }`).replace('istio.io/v1', 'istio.io/v1beta1')),
    at: 'v1beta1',
    says: /VirtualService is written as networking.istio.io\/v1beta1/,
    good: join(WEB, routes(`{ ${to('web')} }`)),
  },
  {
    code: 'IST0101',
    name: 'a host that does not exist',
    bad: join(WEB, routes(`{ ${to('nobody')} }`)),
    at: 'nobody',
    says: /answered with 503/,
    severity: 'error',
    good: join(WEB, routes(`{ ${to('web')} }`)),
  },
  {
    code: 'IST0101',
    name: 'a CA that clients are to trust, in a Secret that does not exist',
    bad: join(WEB, secured('web-ca')),
    at: 'credentialName',
    says: /there is no Secret "web-ca" in any namespace/,
    good: join(WEB, secured('web-ca'), 'apiVersion: v1\nkind: Secret\nmetadata: { name: web-ca-cacert }\nstringData: { ca.crt: x }'),
  },
  {
    code: 'IST0106',
    name: 'a group that is misspelt; those of other programs are left alone',
    bad: 'apiVersion: networking.istio.oi/v1\nkind: VirtualServce\nmetadata: { name: web }\nspec: {}',
    at: 'kind: VirtualServce',
    says: /no kind that Tulle knows/,
    good: 'apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: { name: web }\nspec: {}',
  },
  {
    code: 'IST0106',
    name: 'a field that does not exist',
    bad: join(WEB, routes('{ rout: [] }')),
    at: 'rout:',
    says: /"route"/,
    good: join(WEB, routes(`{ ${to('web')} }`)),
  },
  {
    code: 'IST0106',
    name: 'an expression that RE2 does not have',
    bad: join(WEB, routes(`{ match: [{ uri: { regex: "/a(?=b)" } }], ${to('web')} }`)),
    at: '(?=b)',
    says: /RE2/,
    good: join(WEB, routes(`{ match: [{ uri: { regex: "/ab?" } }], ${to('web')} }`)),
  },
  {
    code: 'IST0133',
    name: 'a field without effect',
    bad: join(WEB, routes(`{ retries: { perTryTimeout: 1s }, ${to('web')} }`)),
    at: 'retries',
    says: /nothing is retried/,
    good: join(WEB, routes(`{ retries: { attempts: 1, perTryTimeout: 1s }, ${to('web')} }`)),
  },
  {
    code: 'IST0002',
    name: 'a deprecated field',
    bad: join(WEB, resource('DestinationRule', 'web', '{ host: web, trafficPolicy: { outlierDetection: { consecutiveErrors: 5 } } }')),
    at: 'consecutiveErrors',
    says: /consecutive5xxErrors/,
    good: join(WEB, resource('DestinationRule', 'web', '{ host: web, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } } }')),
  },
  {
    code: 'IST0109',
    name: 'two VirtualServices for one host',
    bad: join(WEB, routes(`{ ${to('web')} }`), routes(`{ ${to('web')} } # second`).replace('name: web', 'name: second')),
    at: 'hosts: [web]',
    says: /older and counts/,
    good: join(WEB, routes(`{ ${to('web')} }`)),
  },
  {
    code: 'IST0177',
    name: 'two protocols for one port of a host',
    bad: join(
      entry('{ hosts: [a.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }'),
      entry('{ hosts: [a.example.com], ports: [{ number: 80, name: tcp, protocol: TCP }], resolution: DNS }').replace(
        'name: out',
        'name: second',
      ),
    ),
    at: 'protocol: TCP',
    says: /older and counts/,
    good: join(
      entry('{ hosts: [a.example.com], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: DNS }'),
      entry('{ hosts: [a.example.com], ports: [{ number: 81, name: tcp, protocol: TCP }], resolution: DNS }').replace(
        'name: out',
        'name: second',
      ),
    ),
  },
  {
    code: 'TUL110',
    name: 'a targetPort that the pods do not have',
    bad: join(service('web', 'name: http, port: 80, targetPort: main'), workload('web')),
    at: 'main',
    says: /has no port main/,
    good: join(service('web', 'name: http, port: 80, targetPort: main'), workload('web', 'version: v1', '{ name: main, port: 8080 }')),
  },
];

testCases(CASES);
