/** A connection that comes to a listener: which listener and filter chain take it, by the proxy's own matching. */
import { create } from '@bufbuild/protobuf';
import { formatAddress, type NetAddress } from '../../net/address.ts';
import { decodeTyped, typeNameOf } from '../../proxy/config/typed-config.ts';
import { chainMismatches, compileChainMatches, type ConnectionFacts } from '../../proxy/listener/chain-match.ts';
import type { DownstreamConnection, PeerTls } from '../../proxy/listener/connection.ts';
import { readListenerFilters } from '../../proxy/listener/listener-filters.ts';
import { compileSanMatchers } from '../../proxy/tls/san-matcher.ts';
import { TrafficDirection } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type FilterChain,
  type FilterChainMatch,
  FilterChainMatchSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import type { Listener } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { CertificateValidationContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { type CommonTlsContext, DownstreamTlsContextSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { Note, Trail } from './explanation.ts';
import type { ListedListener, ProxyConfig } from './proxy-config.ts';
import { changesOf, sourceOf } from './source-of.ts';

/** What comes, as far as the server can see it. */
export interface Arrival {
  readonly source: NetAddress;
  /** Where it was meant to go. */
  readonly destination: NetAddress;
  /** Whether `destination` is what interception has kept, not the listener's own address. */
  readonly isRedirected: boolean;
  /** Of TLS; undefined: plaintext. */
  readonly hello: { readonly serverName: string; readonly alpn: readonly string[]; readonly identity: string } | undefined;
  /** What a look at plain bytes shows; undefined: no HTTP. */
  readonly speaks: 'http/1.1' | 'h2c' | undefined;
  /** Filter state of tunnels: who is at the other end. */
  readonly tunnelOf?: string;
}

/** What has become of an arrival. */
export interface Entered {
  readonly listener: Listener;
  readonly chain: FilterChain;
  readonly connection: DownstreamConnection;
}

export interface Refused {
  readonly refused: string;
  readonly listener: Listener;
  /** What the chains that fit otherwise asked for. */
  readonly notes: readonly Note[];
}

/** Criteria by which chains are for other destinations altogether. */
const PLACES: readonly string[] = ['destination_port', 'prefix_ranges'];

function matchOf(chain: FilterChain): FilterChainMatch {
  return chain.filterChainMatch ?? create(FilterChainMatchSchema);
}

function factsOf(listener: Listener, arrival: Arrival): ConnectionFacts {
  const { destination, source, hello, speaks } = arrival;
  const filters = readListenerFilters(listener, listener.name);
  const seesTls = filters.tlsInspector?.(destination.port) === true && hello !== undefined;
  const seesHttp = filters.httpInspector?.(destination.port) === true && hello === undefined && speaks !== undefined;
  return {
    destination,
    source,
    serverName: seesTls ? hello.serverName.toLowerCase() : '',
    transportProtocol: seesTls ? 'tls' : 'raw_buffer',
    applicationProtocols: seesTls ? hello.alpn : seesHttp ? [speaks] : [],
  };
}

/** Why other chains did not take it; those of other ports and addresses go without saying. */
function otherChains(listener: Listener, chosen: FilterChain | undefined, facts: ConnectionFacts): Note[] {
  return listener.filterChains.flatMap((chain) => {
    if (chain === chosen) return [];
    const unmet = chainMismatches(matchOf(chain), facts, listener.name);
    // one that could have taken it is only less specific
    if (unmet.length === 0 || unmet.some(({ field }) => PLACES.includes(field))) return [];
    const why = unmet.map(({ field, wants, has }) => `${field} wants ${wants.join(', ')}, has ${has === '' ? 'nothing' : has}`);
    const source = sourceOf(chain.metadata);
    const text = `not ${chainName(chain)}: ${why.join('; ')}`;
    return [{ text, ...(source === undefined ? {} : { source }) }];
  });
}

function chainName(chain: FilterChain): string {
  return chain.name === '' ? 'the unnamed chain' : `chain ${chain.name}`;
}

/** What a validation context asks of names, wherever it stands. */
export function validationOf(common: CommonTlsContext | undefined): CertificateValidationContext | undefined {
  const type = common?.validationContextType;
  if (type?.case === 'validationContext') return type.value;
  return type?.case === 'combinedValidationContext' ? type.value.defaultValidationContext : undefined;
}

/** True where a peer with this SPIFFE identity is accepted. */
export function acceptsIdentity(context: CertificateValidationContext | undefined, identity: string): boolean {
  const matches = context === undefined ? undefined : compileSanMatchers(context, 'validation_context');
  return matches?.({ uris: [identity], dns: [], ips: [], emails: [], otherNames: [] }) ?? true;
}

function peerTls(identity: string, own: string, alpn: string): PeerTls {
  const fingerprint = identity === '' ? '' : 'explained';
  return {
    uriSans: identity === '' ? [] : [identity],
    dnsSans: [],
    subject: '',
    fingerprint,
    protocol: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    alpn,
    localUriSans: own === '' ? [] : [own],
  };
}

/** The handshake at a chain; a text where it fails. `own` is the proxy's identity. */
function handshake(chain: FilterChain, { hello }: Arrival, own: string): PeerTls | string | undefined {
  const any = chain.transportSocket?.configType.value;
  if (any === undefined || typeNameOf(any) !== DownstreamTlsContextSchema.typeName) return undefined;
  const context = decodeTyped(any, DownstreamTlsContextSchema, chain.name);
  if (hello === undefined) return 'the chain speaks TLS, and plaintext comes';
  if ((context.requireClientCertificate ?? false) && hello.identity === '')
    return 'the chain wants a client certificate, and none is shown';
  if (hello.identity !== '' && !acceptsIdentity(validationOf(context.commonTlsContext), hello.identity))
    return `the certificate of ${hello.identity} is not accepted`;
  const alpn = context.commonTlsContext?.alpnProtocols.find((protocol) => hello.alpn.includes(protocol)) ?? '';
  return peerTls(hello.identity, own, alpn);
}

let lastId = 0;

function connectionOf(listener: Listener, chain: FilterChain, arrival: Arrival, tls: PeerTls | undefined): DownstreamConnection {
  const { tunnelOf } = arrival;
  return {
    id: ++lastId,
    remote: arrival.source,
    local: arrival.destination,
    isRedirected: arrival.isRedirected,
    requestedServerName: arrival.hello?.serverName ?? '',
    tls,
    principal: tls === undefined ? (tunnelOf ?? '') : (tls.uriSans[0] ?? ''),
    direction: listener.trafficDirection === TrafficDirection.INBOUND ? 'inbound' : 'outbound',
    listenerName: listener.name,
    filterChainName: chain.name,
    filterState: tunnelOf === undefined ? undefined : new Map([['io.istio.peer_principal', tunnelOf]]),
    memo: new Map(),
  };
}

/** Brings an arrival from the listener that accepts it to the filter chain that takes it, and tells `trail`. */
export function enter(config: ProxyConfig, accepting: ListedListener, arrival: Arrival, own: string, trail: Trail): Entered | Refused {
  const handsOff = (accepting.message.useOriginalDst ?? false) && arrival.isRedirected;
  const { message: listener } = (handsOff ? config.directory.find(arrival.destination) : undefined) ?? accepting;
  trail.add('listener', `${listener.name}, for ${formatAddress(arrival.destination)}`, {
    notes: [
      ...(listener === accepting.message ? [] : [{ text: `handed over by ${accepting.name}, which takes all that is intercepted` }]),
      ...changesOf(listener.metadata),
    ],
  });
  const facts = factsOf(listener, arrival);
  const index = compileChainMatches(listener.filterChains.map(matchOf), listener.name)(facts);
  const chain = index === undefined ? listener.defaultFilterChain : listener.filterChains[index];
  const notes = otherChains(listener, chain, facts);
  if (chain === undefined) return { refused: 'no filter chain takes such a connection', listener, notes };
  trail.add('filter-chain', `${chainName(chain)}${index === undefined ? ', the default' : ''}`, {
    source: sourceOf(chain.metadata),
    notes: [...notes, ...changesOf(chain.metadata)],
  });
  const tls = handshake(chain, arrival, own);
  if (typeof tls === 'string') return { refused: tls, listener, notes: [] };
  return { listener, chain, connection: connectionOf(listener, chain, arrival, tls) };
}
