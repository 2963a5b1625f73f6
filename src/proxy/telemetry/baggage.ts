/**
 * Who the client of a tunnel is, as Istio's proxies say in the header `baggage` (W3C Baggage) of the request that asks
 * for it: `k8s.namespace.name=shop,k8s.deployment.name=web,service.name=web,...`.
 */
import type { PeerMetadata } from './peer-metadata.ts';

/** Where a listener that ends tunnels leaves the header for what they carry. */
export const BAGGAGE_STATE = 'io.istio.baggage';

/** Fields by their key; a workload is of one of several kinds. */
const KEYS: Readonly<Record<string, keyof PeerMetadata>> = {
  'k8s.cluster.name': 'clusterId',
  'k8s.namespace.name': 'namespace',
  'k8s.deployment.name': 'workload',
  'k8s.cronjob.name': 'workload',
  'k8s.job.name': 'workload',
  'k8s.pod.name': 'workload',
  'k8s.instance.name': 'name',
  'service.name': 'canonicalService',
  'service.version': 'canonicalRevision',
  'app.name': 'app',
  'app.service': 'app',
  'app.version': 'version',
};

/** Characters of a header above which it is not read. */
const MAX_TEXT = 8192;
/** Distinct peers remembered; beyond it the oldest is forgotten. */
const MAX_PEERS = 1000;

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function read(text: string): PeerMetadata {
  const found: Record<keyof PeerMetadata, string> = {
    name: '',
    namespace: '',
    workload: '',
    clusterId: '',
    canonicalService: '',
    canonicalRevision: '',
    app: '',
    version: '',
  };
  for (const member of text.split(',')) {
    const equals = member.indexOf('=');
    if (equals < 0) continue;
    const key = member.slice(0, equals).trim();
    const field = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    const [value = ''] = member.slice(equals + 1).split(';', 1);
    if (field !== undefined && found[field] === '') found[field] = decoded(value.trim());
  }
  return found;
}

const peers = new Map<string, PeerMetadata>();

/** Reads a header's text; undefined where there is none, or far too much. The same text gives the same object. */
export function peerOfBaggage(text: string | undefined): PeerMetadata | undefined {
  if (text === undefined || text === '' || text.length > MAX_TEXT) return undefined;
  const known = peers.get(text);
  if (known !== undefined) return known;
  const peer = read(text);
  if (peers.size >= MAX_PEERS) {
    const [oldest] = peers.keys();
    if (oldest !== undefined) peers.delete(oldest);
  }
  peers.set(text, peer);
  return peer;
}
