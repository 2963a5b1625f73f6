/**
 * The mesh that `tulle up` would make of a folder in transparent mode, without starting anything: every workload gets its
 * replicas with addresses, all of them ready, and the node that its proxy would have.
 */
import { fromJson } from '@bufbuild/protobuf';
import { proxyNodeOf } from '../../compile/compile.ts';
import { buildMesh } from '../../compile/dialects/build-mesh.ts';
import { parseDocuments } from '../../compile/dialects/load.ts';
import type { Diagnostic } from '../../model/provenance.ts';
import type { Workload, WorkloadInstance } from '../../model/workload.ts';
import { NodeSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { instanceOf } from '../../control/instance.ts';
import { HBONE_PORT } from '../../net/intercept-rules.ts';
import { bootstrapOf } from '../up/bootstrap.ts';
import type { Member, World } from './world.ts';

/** Hosts of an invented network; 10.127.x.0/24 has the mesh's. */
const HOSTS = 250;

export interface FolderWorld extends World {
  /** What is wrong with the files; resources with errors are left out, as a control plane leaves them out. */
  readonly diagnostics: readonly Diagnostic[];
}

function addressOf(number: number): string {
  return `10.127.${Math.floor(number / HOSTS)}.${2 + (number % HOSTS)}`;
}

function place(workload: Workload, instance: string, address: string): Member {
  const ports = workload.ports.map((port) => ({ ...port, listen: port.number }));
  const { namespace, name, labels, serviceAccount, locality } = workload;
  if (!workload.isMeshed) {
    const own: WorkloadInstance = {
      id: instance,
      workload: name,
      namespace,
      labels,
      serviceAccount,
      address,
      ports,
      locality,
      isReady: true,
      isMeshed: false,
    };
    return { namespace, workload: name, proxy: undefined, instance: own };
  }
  const { node: json } = bootstrapOf({
    workload,
    instance,
    place: {
      addresses: [address],
      ports,
      hbonePort: HBONE_PORT,
      metadata: { INTERCEPTION_MODE: 'REDIRECT', DNS_CAPTURE: 'true' },
      tulleMetadata: {},
    },
    xdsSocket: '',
    adminSocket: '',
    tokenFile: '',
    token: '',
  });
  const node = fromJson(NodeSchema, json ?? {});
  node.userAgentName = 'tulle';
  const proxy = proxyNodeOf(node);
  const registered = instanceOf(node, proxy);
  return { namespace, workload: name, proxy, instance: registered && { ...registered, isReady: true } };
}

/** Gives out addresses: to who had one before the same, to others the next. */
function addressBook(former: World | undefined): (namespace: string, id: string) => string {
  const known = new Map(
    former?.members.flatMap(({ instance }) => (instance === undefined ? [] : [[`${instance.namespace}/${instance.id}`, instance.address]])),
  );
  const taken = new Set(known.values());
  let number = 0;
  return (namespace, id) => {
    const own = known.get(`${namespace}/${id}`);
    if (own !== undefined) return own;
    while (taken.has(addressOf(number))) number++;
    return addressOf(number++);
  };
}

/** Every copy of every workload; of one without replicas one that serves nothing. */
function placeAll(workloads: readonly Workload[], former: World | undefined): Member[] {
  const book = addressBook(former);
  return workloads.flatMap((workload) => {
    const count = workload.replicas;
    const members = Array.from({ length: Math.max(1, count) }, (_, i) => {
      const id = `${workload.name}-${i}`;
      return place(workload, id, book(workload.namespace, id));
    });
    return count > 0 ? members : members.map((member) => ({ ...member, instance: undefined }));
  });
}

/** The mesh of YAML texts by file. What it has in common with `former` keeps its addresses. */
export function worldOf(texts: ReadonlyMap<string, string>, former?: World): FolderWorld {
  const parsed = [...texts].map(([file, text]) => parseDocuments(file, text));
  const resources = parsed.flatMap((each) => each.resources);
  const members = placeAll(buildMesh(resources, []).mesh.workloads, former);
  const instances = members.flatMap(({ instance }) => (instance === undefined ? [] : [instance]));
  const built = buildMesh(resources, instances, former?.mesh);
  return { mesh: built.mesh, members, diagnostics: [...parsed.flatMap((each) => each.diagnostics), ...built.diagnostics] };
}
