/** Patches of clusters. */
import { clone, isMessage } from '@bufbuild/protobuf';
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import { type Cluster, ClusterSchema } from '../../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { TransportSocket } from '../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { isAdd } from '../../envoy/operations.ts';
import { isObject } from '../../../core/object.ts';
import { type CompiledResource, resourceOf } from '../resource.ts';
import { isLeft } from './edit-one.ts';
import { listsOf, mergeInto } from './merge.ts';
import { markAdded, markChanged } from './origin.ts';
import { valueOf } from './patches.ts';
import { patchesAt, type Site } from './site.ts';
import { mergeConfig } from './typed-config.ts';

/** What a cluster's name says: `outbound|80|v1|web.shop.svc.cluster.local`. */
interface Parts {
  readonly isInbound: boolean;
  readonly port: number;
  readonly subset: string;
  readonly host: string;
}

function partsOf(name: string): Parts {
  const [direction = '', port = '', subset = '', host = ''] = name.split('|');
  return { isInbound: direction === 'inbound', port: Number(port) || 0, subset, host };
}

/** Bytes to a port that is sniffed have a twin of its cluster, which a patch means as well. */
function nameWithoutTwin(name: string): string {
  return name.startsWith('outbound|') && name.endsWith('|tcp') ? name.slice(0, -'|tcp'.length) : name;
}

/** Hosts of the services that lead to a port of the proxy's own. */
function servicesOf({ metadata }: Cluster): readonly string[] {
  const services = metadata?.filterMetadata['istio']?.['services'];
  if (!Array.isArray(services)) return [];
  return services.flatMap((service) => (isObject(service) && typeof service['host'] === 'string' ? [service['host']] : []));
}

function isForCluster(cluster: Cluster, { cluster: match }: ConfigPatch): boolean {
  if (match === undefined) return true;
  const name = nameWithoutTwin(cluster.name);
  if (match.name !== '') return match.name === name;
  const { isInbound, port, subset, host } = partsOf(name);
  const services = isInbound ? servicesOf(cluster) : [];
  return (
    (match.subset === '' || match.subset === subset) &&
    (match.service === '' || (services.length > 0 ? services : [host]).includes(match.service)) &&
    (match.portNumber === 0 || match.portNumber === port)
  );
}

/** The socket of the cluster that the patch's is merged into; `none` where it has others, of which none is meant. */
function socketToMerge(cluster: Cluster, added: TransportSocket): TransportSocket | 'none' | undefined {
  if (cluster.transportSocketMatches.length > 0) {
    const found = cluster.transportSocketMatches.find(({ transportSocket }) => transportSocket?.name === added.name);
    return found?.transportSocket ?? 'none';
  }
  return cluster.transportSocket?.name === added.name ? cluster.transportSocket : undefined;
}

/** A patch with a transport socket is about that alone: it is merged into the one of its name, else takes its place. */
function mergeSocket(cluster: Cluster, added: TransportSocket): boolean {
  const socket = socketToMerge(cluster, added);
  if (socket === 'none') return false;
  if (socket === undefined) {
    cluster.transportSocket = added;
    return true;
  }
  return mergeConfig(socket, added);
}

function mergeCluster(cluster: Cluster, patch: ConfigPatch): boolean {
  const value = valueOf(patch, ClusterSchema);
  if (value === undefined) return false;
  if (value.transportSocket !== undefined) return mergeSocket(cluster, value.transportSocket);
  mergeInto(ClusterSchema, cluster, value, listsOf(patch.operation));
  return true;
}

/** The cluster with all patches; the same resource where none changes it, undefined where it is removed. */
export function patchedCluster(resource: CompiledResource, site: Site): CompiledResource | undefined {
  if (!isMessage(resource.message, ClusterSchema)) return resource;
  let cluster = resource.message;
  let isChanged = false;
  const matches = (patch: ConfigPatch): boolean => !isAdd(patch.operation) && isForCluster(cluster, patch);
  const merge = (patch: ConfigPatch): boolean => {
    if (cluster === resource.message) cluster = clone(ClusterSchema, cluster);
    if (!mergeCluster(cluster, patch)) return false;
    isChanged = true;
    markChanged(cluster, patch);
    return true;
  };
  if (!isLeft(patchesAt(site, 'CLUSTER'), matches, merge, site.tell)) return undefined;
  return isChanged ? resourceOf(ClusterSchema, cluster.name, cluster) : resource;
}

/** Without a context a new cluster is for clients' side and gateways. */
export function addedClusters(site: Site): CompiledResource[] {
  return patchesAt(site, 'CLUSTER').flatMap((patch) => {
    if (!isAdd(patch.operation) || (patch.context === 'ANY' && site.context === 'SIDECAR_INBOUND')) return [];
    const cluster = valueOf(patch, ClusterSchema);
    if (cluster === undefined) return [];
    markAdded(cluster, patch);
    site.tell?.(patch);
    return [resourceOf(ClusterSchema, cluster.name, cluster)];
  });
}
