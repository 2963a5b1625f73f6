import type { JsonObject } from '@bufbuild/protobuf';
import type { Transport } from './cluster.ts';

/** A transport socket and what endpoints' metadata must hold for it. */
export interface TransportMatch {
  readonly name: string;
  /** Keys and values, all of which must stand in the endpoint's metadata; empty matches every endpoint. */
  readonly match: JsonObject;
  readonly transport: Transport;
}

/** The metadata namespace that `transport_socket_matches` looks at. */
const NAMESPACE = 'envoy.transport_socket_match';

function isEqual(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

function holds(match: JsonObject, values: unknown): boolean {
  return Object.entries(match).every(
    ([key, want]) => typeof values === 'object' && values !== null && isEqual(Reflect.get(values, key), want),
  );
}

/** The first transport socket that matches an endpoint's `filter_metadata`, else the cluster's own. */
export function chooseTransport(
  matches: readonly TransportMatch[],
  metadata: Readonly<Record<string, unknown>>,
  fallback: Transport,
): Transport {
  return matches.find(({ match }) => holds(match, metadata[NAMESPACE]))?.transport ?? fallback;
}
