/**
 * Who a workload is, as Istio's proxies tell each other: a protobuf Struct of selected node metadata in base64, in
 * `x-envoy-peer-metadata`; and as the control plane tells of endpoints, in `filter_metadata.istio.workload`.
 */
import { fromBinary, fromJson, type JsonObject, toBinary, toJson } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import type { LocalNode } from '../http/filter.ts';

/** '' where something is not known. */
export interface PeerMetadata {
  /** The instance: a pod's name. */
  readonly name: string;
  readonly namespace: string;
  readonly workload: string;
  readonly clusterId: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly app: string;
  readonly version: string;
}

export const METADATA_HEADER = 'x-envoy-peer-metadata';
export const METADATA_ID_HEADER = 'x-envoy-peer-metadata-id';

const CANONICAL_NAME = 'service.istio.io/canonical-name';
const CANONICAL_REVISION = 'service.istio.io/canonical-revision';

/** Characters of a header above which it is not read: Istio's own stay far below. */
const MAX_ENCODED = 8192;
/** Distinct peers remembered; beyond it the oldest is forgotten. */
const MAX_PEERS = 1000;

function textOf(value: unknown, key: string): string {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return '';
  const found: unknown = Reflect.get(value, key);
  return typeof found === 'string' ? found : '';
}

function labelsOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, 'LABELS') : undefined;
}

/** Reads node metadata, or a Struct that a peer sent: both have Istio's names. */
export function metadataOf(metadata: unknown): PeerMetadata {
  const labels = labelsOf(metadata);
  return {
    name: textOf(metadata, 'NAME'),
    namespace: textOf(metadata, 'NAMESPACE'),
    workload: textOf(metadata, 'WORKLOAD_NAME'),
    clusterId: textOf(metadata, 'CLUSTER_ID'),
    canonicalService: textOf(labels, CANONICAL_NAME),
    canonicalRevision: textOf(labels, CANONICAL_REVISION),
    app: textOf(labels, 'app'),
    version: textOf(labels, 'version'),
  };
}

/** The local workload's metadata. */
export function metadataOfNode(node: LocalNode): PeerMetadata {
  return metadataOf(node.metadata);
}

/** Keeps what is not empty, in the order of names: the same peer always has the same bytes. */
function compact(fields: Readonly<Record<string, string>>): JsonObject {
  const out: JsonObject = {};
  for (const key of Object.keys(fields).toSorted()) if (fields[key] !== undefined && fields[key] !== '') out[key] = fields[key];
  return out;
}

/** A workload's metadata as proxies send it. */
export function structOfMetadata(peer: PeerMetadata): JsonObject {
  const labels = compact({
    [CANONICAL_NAME]: peer.canonicalService,
    [CANONICAL_REVISION]: peer.canonicalRevision,
    app: peer.app,
    version: peer.version,
  });
  const { clusterId: CLUSTER_ID, name: NAME, namespace: NAMESPACE, workload: WORKLOAD_NAME } = peer;
  const { CLUSTER_ID: cluster, ...rest } = compact({ CLUSTER_ID, NAME, NAMESPACE, WORKLOAD_NAME });
  return { ...(cluster === undefined ? {} : { CLUSTER_ID: cluster }), LABELS: labels, ...rest };
}

/** The value of `x-envoy-peer-metadata` for a workload. */
export function encodeMetadata(peer: PeerMetadata): string {
  return Buffer.from(toBinary(StructSchema, fromJson(StructSchema, structOfMetadata(peer)))).toString('base64');
}

/** What `encodeMetadata` wrote; undefined where the text is something else. */
export function decodeMetadata(encoded: string): PeerMetadata | undefined {
  if (encoded === '' || encoded.length > MAX_ENCODED || !/^[A-Za-z0-9+/]+=*$/.test(encoded)) return undefined;
  try {
    return metadataOf(toJson(StructSchema, fromBinary(StructSchema, Buffer.from(encoded, 'base64'))));
  } catch {
    return undefined;
  }
}

/**
 * A decoder that remembers the peers it has seen, by their whole text (an id alone could be anybody's): the same peer
 * gives the same object. A text that comes for the first time may take the place of the oldest one.
 */
export function createMetadataCache(maxPeers: number = MAX_PEERS): (encoded: string) => PeerMetadata | undefined {
  const peers = new Map<string, PeerMetadata | undefined>();
  return (encoded) => {
    const known = peers.get(encoded);
    if (known !== undefined) return known;
    const decoded = decodeMetadata(encoded);
    if (decoded === undefined) return undefined;
    if (peers.size >= maxPeers) {
      const [oldest] = peers.keys();
      if (oldest !== undefined) peers.delete(oldest);
    }
    peers.set(encoded, decoded);
    return decoded;
  };
}

/** `name;namespace;canonical name;canonical revision;cluster` of an endpoint; undefined for anything else. */
export function metadataOfEndpoint(filterMetadata: Readonly<Record<string, unknown>>): PeerMetadata | undefined {
  const parts = textOf(filterMetadata['istio'], 'workload').split(';');
  if (parts.length < 5) return undefined;
  const [workload = '', namespace = '', canonicalService = '', canonicalRevision = '', clusterId = ''] = parts;
  return { name: '', namespace, workload, clusterId, canonicalService, canonicalRevision, app: '', version: '' };
}
