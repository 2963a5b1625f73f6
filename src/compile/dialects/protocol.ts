import type { Protocol } from '../../model/service.ts';

const WORDS: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http2: 'http2',
  grpc: 'grpc',
  'grpc-web': 'grpc-web',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  mongo: 'mongo',
  mysql: 'mysql',
  redis: 'redis',
};

/** Names that Kubernetes gives for `appProtocol`. */
const KUBERNETES_WORDS: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** SMTP, DNS, MySQL, MongoDB: the server speaks first, or not HTTP; never sniffed. */
const TCP_PORTS: ReadonlySet<number> = new Set([25, 53, 3306, 27_017]);

function ofWord(text: string): Protocol | undefined {
  const word = text.toLowerCase();
  if (word === 'grpc-web' || word.startsWith('grpc-web-')) return 'grpc-web';
  const prefix = word.split('-', 1)[0] ?? '';
  return Object.hasOwn(WORDS, prefix) ? WORDS[prefix] : undefined;
}

/**
 * The protocol of a service's port by Istio's rules: `appProtocol` where given, else the port's name or its part
 * before the first hyphen, else TCP for some well-known numbers, else to be sniffed.
 */
export function selectProtocol(number: number, name: string, appProtocol: string | undefined): Protocol {
  if (appProtocol !== undefined && Object.hasOwn(KUBERNETES_WORDS, appProtocol)) return KUBERNETES_WORDS[appProtocol] ?? 'auto';
  return ofWord(appProtocol ?? name) ?? (TCP_PORTS.has(number) ? 'tcp' : 'auto');
}
