/** Analysers of gateways. */
import { GATEWAY_WORKLOAD, join, resource, served, testCases, to, type Case } from '../testing/cases.ts';

const WEB = join(served('web'), GATEWAY_WORKLOAD);
const HTTP = 'port: { number: 80, name: http, protocol: HTTP }';
const gateway = (name: string, ...servers: readonly string[]): string =>
  resource('Gateway', name, `\n  selector: { gw: a }\n  servers:\n${servers.map((server) => `    - { ${server} }`).join('\n')}`);
const bound = (name: string, host: string, gateways: string, more = ''): string =>
  resource('VirtualService', name, `\n  hosts: [${host}]\n  gateways: [${gateways}]\n${more}  http: [{ ${to('web')} }]`);
const https = (credential: string, hosts: string): string =>
  `port: { number: 443, name: https, protocol: HTTPS }, tls: { mode: SIMPLE, credentialName: ${credential} }, hosts: [${hosts}]`;
const secret = (name: string, data: string): string => `
apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: shop }
type: kubernetes.io/tls
stringData: { ${data} }`;
const pem = (label: string): string => String.raw`"-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n"`;
const PAIR = `tls.crt: ${pem('CERTIFICATE')}, tls.key: ${pem('PRIVATE KEY')}`;

const CASES: readonly Case[] = [
  {
    code: 'IST0132',
    name: 'a host that the gateway does not serve',
    bad: join(WEB, gateway('edge', `${HTTP}, hosts: [a.example.com]`), bound('web', 'b.example.com', 'edge')),
    at: 'b.example.com',
    says: /does not serve "b.example.com".*404/,
    good: join(WEB, gateway('edge', `${HTTP}, hosts: ["*.example.com"]`), bound('web', 'b.example.com', 'edge')),
  },
  {
    code: 'IST0132',
    name: 'a namespace that the gateway does not let in',
    bad: join(WEB, gateway('edge', `${HTTP}, hosts: [office/a.example.com]`), bound('web', 'a.example.com', 'edge')),
    at: 'hosts: [a.example.com]',
    says: /for namespace shop/,
    good: join(WEB, gateway('edge', `${HTTP}, hosts: [./a.example.com]`), bound('web', 'a.example.com', 'edge')),
  },
  {
    code: 'TUL218',
    name: 'a gateway without routes',
    bad: join(WEB, gateway('edge', `${HTTP}, hosts: [a.example.com]`)),
    at: 'apiVersion',
    says: /answered with 404/,
    good: join(WEB, gateway('edge', `${HTTP}, hosts: [a.example.com]`), bound('web', 'a.example.com', 'edge')),
  },
  {
    code: 'IST0145',
    name: 'two gateways for one host',
    bad: join(WEB, gateway('one', `${HTTP}, hosts: [a.example.com]`), gateway('two', `${HTTP}, hosts: [b.example.com, a.example.com]`)),
    at: 'b.example.com, a.example.com',
    says: /opened by Gateway shop\/one already/,
    good: join(WEB, gateway('one', `${HTTP}, hosts: [a.example.com]`), gateway('two', `${HTTP}, hosts: [b.example.com]`)),
  },
  {
    code: 'IST0138',
    name: 'two gateways with one certificate',
    bad: join(WEB, secret('cert', PAIR), gateway('one', https('cert', 'a.example.com')), gateway('two', https('cert', 'b.example.com'))),
    at: 'b.example.com',
    says: /shows the certificate "cert" too/,
    good: join(
      WEB,
      secret('cert', PAIR),
      secret('other', PAIR),
      gateway('one', https('cert', 'a.example.com')),
      gateway('two', https('other', 'b.example.com')),
    ),
  },
  {
    code: 'IST0101',
    name: 'a certificate that is not there',
    bad: join(WEB, gateway('edge', https('cert', 'a.example.com'))),
    at: 'credentialName: cert',
    says: /no Secret "cert" in namespace shop.*TLS handshakes fail/,
    good: join(WEB, secret('cert', PAIR), gateway('edge', https('cert', 'a.example.com'))),
  },
  {
    code: 'IST0101',
    name: "a client's certificate that is nowhere",
    bad: resource('DestinationRule', 'out', '{ host: out.example.com, trafficPolicy: { tls: { mode: MUTUAL, credentialName: client } } }'),
    at: 'credentialName: client',
    says: /no Secret "client" in any namespace/,
    good: join(
      secret('client', PAIR),
      resource('DestinationRule', 'out', '{ host: out.example.com, trafficPolicy: { tls: { mode: MUTUAL, credentialName: client } } }'),
    ),
  },
  {
    code: 'IST0161',
    name: 'a CA that is missing for MUTUAL',
    bad: join(WEB, secret('cert', PAIR), gateway('edge', https('cert', 'a.example.com').replace('SIMPLE', 'MUTUAL'))),
    at: 'credentialName: cert',
    says: /has no CA/,
    good: join(
      WEB,
      secret('cert', `${PAIR}, ca.crt: ${pem('CERTIFICATE')}`),
      gateway('edge', https('cert', 'a.example.com').replace('SIMPLE', 'MUTUAL')),
    ),
  },
  {
    code: 'IST0162',
    name: 'a port that the Service of the gateway lacks',
    bad: join(
      WEB,
      'apiVersion: v1\nkind: Service\nmetadata: { name: edge, namespace: shop }\nspec: { selector: { gw: a }, ports: [{ name: http, port: 8080 }] }',
      gateway('edge', `${HTTP}, hosts: ["*"]`),
    ),
    at: 'number: 80',
    says: /Service shop\/edge has no port 80 \(it has 8080\)/,
    good: join(
      WEB,
      'apiVersion: v1\nkind: Service\nmetadata: { name: edge, namespace: shop }\nspec: { selector: { gw: a }, ports: [{ name: http, port: 80 }] }',
      gateway('edge', `${HTTP}, hosts: ["*"]`),
    ),
  },
  {
    code: 'IST0130',
    name: 'a host of the gateway that an older VirtualService takes whole',
    bad: join(
      WEB,
      gateway('edge', `${HTTP}, hosts: ["*"]`),
      bound('first', 'a.example.com', 'edge'),
      bound('second', 'a.example.com', 'edge'),
    ),
    at: 'apiVersion',
    says: /is taken by shop\/first/,
    good: join(
      WEB,
      gateway('edge', `${HTTP}, hosts: ["*"]`),
      bound('first', 'a.example.com', 'edge'),
      bound('second', 'b.example.com', 'edge'),
    ),
  },
  {
    code: 'TUL216',
    name: "routes that the gateway's namespace does not see",
    bad: join(WEB, gateway('edge', `${HTTP}, hosts: ["*"]`), bound('web', 'a.example.com', 'edge', '  exportTo: [office]\n')),
    at: 'exportTo',
    says: /the gateway runs in namespace shop, which does not see/,
    good: join(WEB, gateway('edge', `${HTTP}, hosts: ["*"]`), bound('web', 'a.example.com', 'edge', '  exportTo: ["."]\n')),
  },
  {
    code: 'IST0127',
    name: 'a gateway that no workload follows',
    bad: join(served('web'), gateway('edge', `${HTTP}, hosts: ["*"]`)),
    at: 'selector',
    says: /nobody opens the ports/,
    good: join(WEB, gateway('edge', `${HTTP}, hosts: ["*"]`)),
  },
];

testCases(CASES);
