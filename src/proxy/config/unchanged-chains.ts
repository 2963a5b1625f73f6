import { toBinary } from '@bufbuild/protobuf';
import { FilterChainSchema, type FilterChain } from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { sameBytes } from './subscriptions.ts';

/** The place of `default_filter_chain` among the chains of a listener. */
export const DEFAULT_CHAIN = -1;

/** Everything of a listener but its chains, and its metadata, which says nothing to connections that exist. */
function around(listener: Listener): Uint8Array {
  return toBinary(ListenerSchema, { ...listener, filterChains: [], defaultFilterChain: undefined, metadata: undefined });
}

const bytesOf = (chain: FilterChain): Uint8Array => toBinary(FilterChainSchema, chain);

/**
 * Which chains of a listener, by index, stand as they are in the one that takes its place: their connections need not
 * end. None where something else has changed. Envoy: "in place filter chain update".
 */
export function unchangedChains(former: Listener, next: Listener): ReadonlySet<number> {
  if (!sameBytes(around(former), around(next))) return new Set();
  const kept = next.filterChains.map(bytesOf);
  const unchanged = new Set(
    former.filterChains.map(bytesOf).flatMap((bytes, i) => (kept.some((each) => sameBytes(each, bytes)) ? [i] : [])),
  );
  const [old, now] = [former.defaultFilterChain, next.defaultFilterChain];
  if (old !== undefined && now !== undefined && sameBytes(bytesOf(old), bytesOf(now))) unchanged.add(DEFAULT_CHAIN);
  return unchanged;
}
