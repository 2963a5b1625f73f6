/** What becomes of a connection: the listener that takes it, its filter chain as Envoy picks it, and what that does. */
import { isIPv4 } from 'node:net';
import { peerNames, secretsText } from './clusters.ts';
import { at, count, items, type Json, type JsonMap, said, text } from './json.ts';
import { policiesOf } from './policies.ts';
import { virtualHostOf } from './routes.ts';

/** A connection as its first bytes show it. */
export interface Connection {
  readonly address: string;
  readonly port: number;
  readonly kind: 'http' | 'bytes' | 'tls';
  readonly sni: string;
  readonly alpn: readonly string[];
}

type Seen = Pick<Connection, 'address' | 'port' | 'sni' | 'alpn'> & { readonly transport: string };

/** True where a listener filter is switched off for `port`. */
function isOff(predicate: Json | undefined, port: number): boolean {
  const range = at(predicate, 'destinationPortRange');
  if (range !== undefined) return count(range, 'start') <= port && port < count(range, 'end');
  const not = at(predicate, 'notMatch');
  if (not !== undefined) return !isOff(not, port);
  return items(predicate, 'orMatch', 'rules').some((rule) => isOff(rule, port));
}

function has(listener: Json, filter: string, port: number): boolean {
  return items(listener, 'listenerFilters').some(
    (found) => text(found, 'name').endsWith(filter) && !isOff(at(found, 'filterDisabled'), port),
  );
}

/** What the listener's inspectors know of the connection when a chain is picked. */
function inspected(listener: Json, { address, port, kind, sni, alpn }: Connection): Seen {
  const plain = { address, port, transport: 'raw_buffer', sni: '', alpn: [] };
  if (kind === 'tls' && has(listener, 'tls_inspector', port)) return { address, port, transport: 'tls', sni, alpn };
  if (kind === 'http' && has(listener, 'http_inspector', port)) return { ...plain, alpn: ['http/1.1'] };
  return plain;
}

function bits(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail] = address.split('::');
  const left = head.split(':').filter((part) => part !== '');
  const right = (tail ?? '').split(':').filter((part) => part !== '');
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...middle, ...right].reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n);
}

/** Length of the longest range that holds `address`; -1 where none does. */
function rangeLength(ranges: readonly Json[], address: string): number {
  const held = ranges.map((range) => {
    const prefix = text(range, 'addressPrefix');
    if (isIPv4(prefix) !== isIPv4(address)) return -1;
    const length = count(range, 'prefixLen');
    const shift = BigInt((isIPv4(address) ? 32 : 128) - length);
    return bits(prefix) >> shift === bits(address) >> shift ? length : -1;
  });
  return Math.max(-1, ...held);
}

/** How well a server name is met: its length, a wildcard's suffix being less than the name; -1 not at all. */
function nameLength(names: readonly string[], sni: string): number {
  const met = names.map((name) => {
    if (name === sni) return 1_000;
    return name.startsWith('*.') && sni.endsWith(name.slice(1)) ? name.length : -1;
  });
  return Math.max(-1, ...met);
}

function texts(match: Json | undefined, field: string): string[] {
  return items(match, field).map((value) => text(value));
}

/** Each criterion in Envoy's order: how well a chain meets it, 0 where it does not ask. */
const CRITERIA: readonly ((match: Json | undefined, seen: Seen) => number)[] = [
  (match, { port }) => (at(match, 'destinationPort') === undefined ? 0 : count(match, 'destinationPort') === port ? 1 : -1),
  (match, { address }) => (items(match, 'prefixRanges').length === 0 ? 0 : rangeLength(items(match, 'prefixRanges'), address) + 1 || -1),
  (match, { sni }) => (texts(match, 'serverNames').length === 0 ? 0 : nameLength(texts(match, 'serverNames'), sni)),
  (match, { transport }) => (text(match, 'transportProtocol') === '' ? 0 : text(match, 'transportProtocol') === transport ? 1 : -1),
  (match, { alpn }) => {
    const wanted = texts(match, 'applicationProtocols');
    if (wanted.length === 0) return 0;
    const place = alpn.findIndex((name) => wanted.includes(name));
    return place < 0 ? -1 : alpn.length - place;
  },
];

/** The chain that Envoy picks: criterion by criterion, without going back. */
function chainOf(listener: Json, seen: Seen): Json | undefined {
  let left = items(listener, 'filterChains');
  for (const criterion of CRITERIA) {
    const scored = left.map((chain) => ({ chain, score: criterion(at(chain, 'filterChainMatch'), seen) }));
    const best = Math.max(-1, ...scored.map(({ score }) => score));
    left = scored.filter(({ score }) => score >= 0 && score === best).map(({ chain }) => chain);
  }
  return left[0] ?? at(listener, 'defaultFilterChain');
}

function addresses(listener: Json): string[] {
  const all = [at(listener, 'address'), ...items(listener, 'additionalAddresses').map((more) => at(more, 'address'))];
  return all.map((address) => `${text(address, 'socketAddress', 'address')} ${text(address, 'socketAddress', 'portValue')}`);
}

/** What a server takes by ALPN. The order counts for clients that offer several of them, which none of Istio's does. */
export function takenAlpn(common: Json | undefined): string[] {
  const names = items(common, 'alpnProtocols').map((name) => text(name));
  return names.filter((name) => name !== 'istio-peer-exchange').toSorted();
}

function tlsOf(chain: Json): Json | undefined {
  const config = at(chain, 'transportSocket', 'typedConfig');
  if (config === undefined) return undefined;
  const common = at(config, 'commonTlsContext');
  const params = at(common, 'tlsParams');
  return said({
    ...secretsText(common),
    clients: at(config, 'requireClientCertificate') === true ? 'must show a certificate' : 'need none',
    names: peerNames(common),
    // what Envoy takes of clients where nothing is said
    versions: `${text(params, 'tlsMinimumProtocolVersion') || 'TLSv1_2'}-${text(params, 'tlsMaximumProtocolVersion') || 'TLSv1_3'}`,
    alpn: takenAlpn(common),
  });
}

function tcpOf(config: Json | undefined): JsonMap {
  const weighted = items(config, 'weightedClusters', 'clusters').map((cluster) => ({
    cluster: text(cluster, 'name'),
    weight: count(cluster, 'weight'),
  }));
  const tunnel = at(config, 'tunnelingConfig');
  return said({
    bytes: weighted.length > 0 ? weighted : at(config, 'cluster'),
    idleTimeout: at(config, 'idleTimeout'),
    maxConnectionDuration: at(config, 'maxDownstreamConnectionDuration'),
    tunnel: tunnel && `${at(tunnel, 'usePost') === true ? 'POST' : 'CONNECT'} ${text(tunnel, 'hostname')}`,
    bySource: text(items(config, 'hashPolicy')[0], 'sourceIp') && 'yes',
  });
}

function httpOf(config: Json | undefined): JsonMap {
  const named = text(config, 'rds', 'routeConfigName');
  return said({
    http: named === '' ? items(config, 'routeConfig', 'virtualHosts').map(virtualHostOf) : `routes ${named}`,
    policies: policiesOf(items(config, 'httpFilters')),
  });
}

function outcome(chain: Json | undefined): Json {
  if (chain === undefined) return 'closed';
  const filters = items(chain, 'filters');
  const last = filters.at(-1);
  const config = at(last, 'typedConfig');
  const isHttp = text(last, 'name').endsWith('http_connection_manager');
  const network = policiesOf(filters);
  return said({ tls: tlsOf(chain), ...(network.length > 0 && { policies: network }), ...(isHttp ? httpOf(config) : tcpOf(config)) });
}

/** The listener that has the connection's address, else the one of the port, else the one that takes the rest. */
export function outbound(listeners: readonly Json[], connection: Connection): Json {
  const with_ = (address: string) => listeners.find((listener) => addresses(listener).includes(`${address} ${connection.port}`));
  const found = with_(connection.address) ?? with_('0.0.0.0') ?? listeners.find((listener) => text(listener, 'name') === 'virtualOutbound');
  return found === undefined ? 'no listener' : outcome(chainOf(found, inspected(found, connection)));
}

const MESH_CLIENTS: Readonly<Record<string, Pick<Connection, 'kind' | 'sni' | 'alpn'>>> = {
  'plain HTTP': { kind: 'http', sni: '', alpn: [] },
  'plain bytes': { kind: 'bytes', sni: '', alpn: [] },
  'HTTP over mTLS': { kind: 'tls', sni: 'outbound_.80_._.web.default.svc.cluster.local', alpn: ['istio-http/1.1', 'istio', 'http/1.1'] },
  'bytes over mTLS': { kind: 'tls', sni: 'outbound_.80_._.web.default.svc.cluster.local', alpn: ['istio-peer-exchange', 'istio'] },
  'TLS of others': { kind: 'tls', sni: 'web.example', alpn: ['h2', 'http/1.1'] },
};

const isInbound = (listener: Json): boolean => text(listener, 'name') === 'virtualInbound';

/** The listeners of a side: `inbound`, or all others. */
export function onSide(listeners: readonly Json[], side: string): readonly Json[] {
  return listeners.filter((listener) => isInbound(listener) === (side === 'inbound'));
}

/** What becomes of each kind of connection to a port of the proxy's own workload; kinds with one answer stand together. */
export function inbound(listeners: readonly Json[], address: string, port: number): Json {
  const found = listeners.find(isInbound);
  if (found === undefined) return 'no listener';
  const answers = new Map<string, { readonly kinds: string[]; readonly answer: Json }>();
  for (const [kind, client] of Object.entries(MESH_CLIENTS)) {
    const answer = outcome(chainOf(found, inspected(found, { ...client, address, port })));
    const key = JSON.stringify(answer);
    const known = answers.get(key);
    if (known === undefined) answers.set(key, { kinds: [kind], answer });
    else known.kinds.push(kind);
  }
  return Object.fromEntries([...answers.values()].map(({ kinds, answer }) => [kinds.join(', '), answer]));
}
