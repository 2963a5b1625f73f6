/** What clusters and listeners lead to, read once for all clients of the process. */
import { Buffer } from 'node:buffer';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, ClusterSchema } from '../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { HttpConnectionManagerSchema } from '../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { CLUSTER_TYPE, LISTENER_TYPE } from '../src/xds/types.ts';
import { readResource } from './control-wire.ts';

/** A resource of a response: what it is, and which names of another type it leads to. */
export interface Known {
  readonly bytes: Buffer;
  readonly typeUrl: string;
  readonly name: string;
  readonly refersTo: readonly string[];
  /** The one that came behind it last time: most clients are sent the same. */
  next: Known | undefined;
}

function clusterReferences(value: Uint8Array): string[] {
  const { name, clusterDiscoveryType, edsClusterConfig } = fromBinary(ClusterSchema, value);
  const isEds = clusterDiscoveryType.case === 'type' && clusterDiscoveryType.value === Cluster_DiscoveryType.EDS;
  return isEds ? [edsClusterConfig?.serviceName || name] : [];
}

function listenerReferences(value: Uint8Array): string[] {
  const { filterChains, defaultFilterChain } = fromBinary(ListenerSchema, value);
  const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
  return chains
    .flatMap(({ filters }) => filters)
    .flatMap(({ configType }) => {
      if (configType.case !== 'typedConfig') return [];
      const manager = anyUnpack(configType.value, HttpConnectionManagerSchema);
      return manager?.routeSpecifier.case === 'rds' ? [manager.routeSpecifier.value.routeConfigName] : [];
    });
}

function referencesOf(typeUrl: string, value: Uint8Array): string[] {
  if (typeUrl === CLUSTER_TYPE) return clusterReferences(value);
  return typeUrl === LISTENER_TYPE ? listenerReferences(value) : [];
}

/** Every content that there was of a resource, by type and name. */
const known = new Map<string, Known[]>();
const first: Known = { bytes: Buffer.alloc(0), typeUrl: '', name: '', refersTo: [], next: undefined };

/** The resource of these bytes, which came behind `former` (undefined: first). */
export function knownOf(bytes: Uint8Array, former: Known = first): Known {
  if (former.next?.bytes.equals(bytes) === true) return former.next;
  const { name, typeUrl, value } = readResource(bytes);
  const key = `${typeUrl} ${name}`;
  const contents = known.get(key) ?? [];
  known.set(key, contents);
  let found = contents.find((each) => each.bytes.equals(bytes));
  if (found === undefined) {
    found = { bytes: Buffer.from(bytes), typeUrl, name, refersTo: referencesOf(typeUrl, value), next: undefined };
    contents.push(found);
  }
  former.next = found;
  return found;
}

let lastNames: readonly string[] = [];
let lastSet: ReadonlySet<string> = new Set();

/** `names` as a set: the same one for the same names, one client after the other. */
export function nameSet(names: readonly string[]): ReadonlySet<string> {
  if (names.length !== lastNames.length || names.some((name, i) => name !== lastNames[i])) {
    lastNames = names;
    lastSet = new Set(names);
  }
  return lastSet;
}
