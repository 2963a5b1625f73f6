/**
 * Which filter chain a connection gets. Envoy's order of criteria (FilterChainMatch), each looked at once: the most
 * specific value of a criterion wins before the next criterion is looked at, and there is no way back.
 */
import { type Cidr, cidrContains, parseCidr, parseIp } from '../../core/cidr.ts';
import { ConfigError } from '../../core/errors.ts';
import type { NetAddress } from '../../net/address.ts';
import type { CidrRange } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import {
  type FilterChainMatch,
  FilterChainMatch_ConnectionSourceType as SourceType,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';

/** What is known of a connection when its chain is chosen. */
export interface ConnectionFacts {
  /** Where the client wanted to go. */
  readonly destination: NetAddress;
  /** In lower case; '' without. */
  readonly serverName: string;
  readonly transportProtocol: 'tls' | 'raw_buffer';
  readonly applicationProtocols: readonly string[];
  readonly source: NetAddress;
  /** The socket's peer where `source` is not. */
  readonly directSource?: NetAddress | undefined;
}

/** Children by value; '' stands for any value. The last stage's children are indexes of chains. */
type Node = Map<string, Node | number>;

interface Criterion {
  /** Field of FilterChainMatch. */
  readonly field: string;
  /** What a connection has there, for people. */
  seen(facts: ConnectionFacts): string;
  /** The values that a match asks for; none for any. Throws ConfigError. */
  values(match: FilterChainMatch, path: string): readonly string[];
  /** The most specific value of `node` that the connection has, or undefined. */
  choose(node: Node, facts: ConnectionFacts): string | undefined;
}

const ANY = '';

function orAny(node: Node, value: string): string | undefined {
  if (node.has(value)) return value;
  return node.has(ANY) ? ANY : undefined;
}

const parsed = new Map<string, Cidr | undefined>();

function cidrOf(text: string): Cidr | undefined {
  if (!parsed.has(text)) parsed.set(text, parseCidr(text));
  return parsed.get(text);
}

function rangeText(range: CidrRange, path: string): string {
  const address = parseIp(range.addressPrefix);
  const cidr = parseCidr(`${range.addressPrefix}/${range.prefixLen ?? 0}`);
  if (address === undefined || cidr === undefined)
    throw new ConfigError(path, `${range.addressPrefix}/${range.prefixLen ?? 0} is not a CIDR range`);
  return `${range.addressPrefix}/${cidr.prefixLength}`;
}

/** A criterion over addresses: the longest prefix wins. */
function prefixes(
  field: string,
  ranges: (match: FilterChainMatch) => readonly CidrRange[],
  hostOf: (facts: ConnectionFacts) => string,
): Criterion {
  return {
    field,
    seen: hostOf,
    values: (match, path) => ranges(match).map((range, i) => rangeText(range, `${path}.${field}[${i}]`)),
    choose(node, facts) {
      const address = parseIp(hostOf(facts));
      let best: string | undefined = node.has(ANY) ? ANY : undefined;
      let longest = -1;
      for (const text of node.keys()) {
        const cidr = text === ANY ? undefined : cidrOf(text);
        if (cidr === undefined || address === undefined || cidr.prefixLength <= longest || !cidrContains(cidr, address)) continue;
        best = text;
        longest = cidr.prefixLength;
      }
      return best;
    },
  };
}

function readServerName(name: string, path: string): string {
  const lower = name.toLowerCase();
  if (lower === '*') throw new ConfigError(path, '* alone is not allowed; leave server_names empty for any name');
  if (lower.includes('*') && !/^\*\.[^*]+$/.test(lower))
    throw new ConfigError(path, `${name}: a wildcard may only stand for the first labels (*.example.com)`);
  return lower;
}

const serverNames: Criterion = {
  field: 'server_names',
  seen: ({ serverName }) => serverName,
  values: (match, path) => match.serverNames.map((name, i) => readServerName(name, `${path}.server_names[${i}]`)),
  choose(node, { serverName }) {
    if (serverName === '' || node.has(serverName)) return orAny(node, serverName);
    for (let dot = serverName.indexOf('.'); dot !== -1; dot = serverName.indexOf('.', dot + 1)) {
      const wildcard = `*${serverName.slice(dot)}`;
      if (node.has(wildcard)) return wildcard;
    }
    return node.has(ANY) ? ANY : undefined;
  },
};

function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1';
}

const SOURCE_TYPES = new Map<number, string>([
  [SourceType.SAME_IP_OR_LOOPBACK, 'local'],
  [SourceType.EXTERNAL, 'external'],
]);

function sourceTypeOf({ source, destination }: ConnectionFacts): string {
  return isLoopback(source.host) || source.host === destination.host ? 'local' : 'external';
}

const sourceTypes: Criterion = {
  field: 'source_type',
  seen: sourceTypeOf,
  values(match) {
    const type = SOURCE_TYPES.get(match.sourceType);
    return type === undefined ? [] : [type];
  },
  choose: (node, facts) => orAny(node, sourceTypeOf(facts)),
};

/** In Envoy's order of precedence. */
const CRITERIA: readonly Criterion[] = [
  {
    field: 'destination_port',
    seen: (facts) => String(facts.destination.port),
    values: (match) => (match.destinationPort === undefined ? [] : [String(match.destinationPort)]),
    choose: (node, facts) => orAny(node, String(facts.destination.port)),
  },
  prefixes(
    'prefix_ranges',
    (match) => match.prefixRanges,
    (facts) => facts.destination.host,
  ),
  serverNames,
  {
    field: 'transport_protocol',
    seen: (facts) => facts.transportProtocol,
    values: (match) => (match.transportProtocol === '' ? [] : [match.transportProtocol]),
    choose: (node, facts) => orAny(node, facts.transportProtocol),
  },
  {
    field: 'application_protocols',
    seen: (facts) => facts.applicationProtocols.join(', '),
    values: (match) => match.applicationProtocols,
    choose: (node, facts) => facts.applicationProtocols.find((protocol) => node.has(protocol)) ?? orAny(node, ANY),
  },
  prefixes(
    'direct_source_prefix_ranges',
    (match) => match.directSourcePrefixRanges,
    (facts) => (facts.directSource ?? facts.source).host,
  ),
  sourceTypes,
  prefixes(
    'source_prefix_ranges',
    (match) => match.sourcePrefixRanges,
    (facts) => facts.source.host,
  ),
  {
    field: 'source_ports',
    seen: (facts) => String(facts.source.port),
    values: (match) => match.sourcePorts.map(String),
    choose: (node, facts) => orAny(node, String(facts.source.port)),
  },
];

/** Puts chain `index` under every combination of its values from stage `stage` on. */
function insert(node: Node, stage: number, match: FilterChainMatch, index: number, path: string): void {
  const criterion = CRITERIA[stage];
  if (criterion === undefined) return;
  const values = criterion.values(match, path);
  for (const value of values.length === 0 ? [ANY] : new Set(values)) {
    const child = node.get(value);
    if (stage === CRITERIA.length - 1) {
      if (child !== undefined)
        throw new ConfigError(path, `matches the same connections as filter_chains[${typeof child === 'number' ? child : '?'}]`);
      node.set(value, index);
    } else {
      const next: Node = typeof child === 'object' ? child : new Map();
      node.set(value, next);
      insert(next, stage + 1, match, index, path);
    }
  }
}

/** The index of the chain for a connection, or undefined: the default chain, or none. */
export type ChainMatcher = (facts: ConnectionFacts) => number | undefined;

/**
 * Prepares matching among chains with these matches. `path` is the listener's; throws ConfigError for a match that
 * cannot be read, and for two that match the same.
 */
export function compileChainMatches(matches: readonly FilterChainMatch[], path: string): ChainMatcher {
  const root: Node = new Map();
  for (const [i, match] of matches.entries()) insert(root, 0, match, i, `${path}.filter_chains[${i}].filter_chain_match`);
  return (facts) => {
    let node: Node = root;
    for (const criterion of CRITERIA) {
      // mostly no chain asks for it
      const value = node.size === 1 && node.has(ANY) ? ANY : criterion.choose(node, facts);
      const child = value === undefined ? undefined : node.get(value);
      if (child === undefined || typeof child === 'number') return child;
      node = child;
    }
    return undefined;
  };
}

/** What a chain asks for that a connection has not. */
export interface ChainMismatch {
  /** Field of FilterChainMatch. */
  readonly field: string;
  readonly wants: readonly string[];
  /** '' for nothing. */
  readonly has: string;
}

/** Why a chain does not take a connection, by the criteria that matching goes by; empty where it could. Cold: for those who ask. */
export function chainMismatches(match: FilterChainMatch, facts: ConnectionFacts, path: string): readonly ChainMismatch[] {
  return CRITERIA.flatMap((criterion) => {
    const wants = criterion.values(match, path);
    const node: Node = new Map(wants.map((value) => [value, 0]));
    if (wants.length === 0 || criterion.choose(node, facts) !== undefined) return [];
    return [{ field: criterion.field, wants, has: criterion.seen(facts) }];
  });
}
