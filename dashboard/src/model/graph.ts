/**
 * The service graph: a node is a service with the workloads behind it, a gateway, a workload that only calls, or what is
 * outside; an edge is all that one node asks of another. Pure: topology and golden signals in, nodes and edges out.
 */
import { type SignalRow, UNKNOWN_WORKLOAD } from '../../../src/model/signals.ts';
import type { Topology, TopologyService, TopologyWorkload } from '../../../src/model/topology.ts';
import { type Health, healthOf, type Load, loadOf, readinessOf, worse } from './health.ts';

type NodeKind = 'service' | 'workload' | 'gateway' | 'external' | 'unknown';

/** One of the workloads behind a service. */
export interface Version {
  /** `namespace/workload`. */
  readonly workload: string;
  /** The version's label, or the workload's name where versions do not tell them apart. */
  readonly label: string;
  /** What rules give it, in percent; absent where nothing divides. */
  readonly weight?: number;
  readonly load: Load;
}

/** What is drawn as one. */
export interface GraphNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly namespace: string;
  readonly name: string;
  /** Host that is called; '' where it is no service. */
  readonly host: string;
  readonly workloads: readonly string[];
  /** Those of a service that has several. */
  readonly versions: readonly Version[];
  /** What it is asked. */
  readonly load: Load;
  readonly health: Health;
  readonly instances: number;
  readonly ready: number;
}

/** All that one node asks of another. */
export interface GraphEdge {
  /** `from>to`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly load: Load;
  readonly health: Health;
  readonly protocol: string;
  readonly rows: readonly SignalRow[];
}

/** What is drawn. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

const EXTERNAL = 'external';

/** Of a workload behind several services, the one with the most workloads counts, then the one with the shortest name. */
function ownersOf({ services }: Topology): Map<string, TopologyService> {
  const owners = new Map<string, TopologyService>();
  const inside = services.filter(({ isExternal }) => !isExternal);
  const byRank = inside.toSorted((a, b) => b.workloads.length - a.workloads.length || a.name.length - b.name.length);
  for (const service of byRank) for (const workload of service.workloads) if (!owners.has(workload)) owners.set(workload, service);
  return owners;
}

/** Finds the node that a workload, a service or a host belongs to. */
export interface Places {
  ofWorkload(workload: string): string;
  /** The node that stands for it: another service's where all its workloads are that one's. */
  ofService(service: TopologyService): string;
  /** `host` may be short, as a caller of that namespace writes it, and have a port. */
  ofHost(host: string, namespace: string): string | undefined;
}

/** The node that a service is of its own. */
function nodeIdOf({ isExternal, hostname, namespace, name }: TopologyService): string {
  return isExternal ? hostname : `${namespace}/${name}`;
}

/** Where everything of a topology belongs. */
export function placesOf(topology: Topology): Places {
  const owners = ownersOf(topology);
  const routers = new Set(topology.workloads.filter(({ role }) => role === 'router').map(({ namespace, name }) => `${namespace}/${name}`));
  const inside = topology.services.filter(({ isExternal }) => !isExternal);
  const short = new Map(inside.map((service) => [`${service.name}.${service.namespace}`, nodeIdOf(service)]));
  const hosts = new Map(topology.services.map((service) => [service.hostname, nodeIdOf(service)]));
  const ofWorkload = (workload: string): string => {
    const owner = routers.has(workload) ? undefined : owners.get(workload);
    return owner === undefined ? workload : nodeIdOf(owner);
  };
  return {
    ofWorkload,
    ofService(service) {
      const [first] = service.isExternal ? [] : service.workloads;
      return first === undefined ? nodeIdOf(service) : ofWorkload(first);
    },
    ofHost(host, namespace) {
      const bare = host.replace(/:\d+$/, '').replace(/\.svc$/, '');
      return hosts.get(host) ?? hosts.get(bare) ?? short.get(bare.includes('.') ? bare : `${bare}.${namespace}`);
    },
  };
}

interface Draft {
  readonly kind: NodeKind;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly workloads: readonly TopologyWorkload[];
}

function draftsOf(topology: Topology, places: Places): Map<string, Draft> {
  const drafts = new Map<string, Draft>();
  const owners = new Set(topology.workloads.map(({ namespace, name }) => places.ofWorkload(`${namespace}/${name}`)));
  for (const service of topology.services) {
    const id = nodeIdOf(service);
    const { name, namespace, hostname: host, isExternal } = service;
    // a service all of whose workloads are another's more than its own is no node
    if (!isExternal && service.workloads.length > 0 && !owners.has(id)) continue;
    drafts.set(
      id,
      isExternal
        ? { kind: 'external', namespace: EXTERNAL, name: host, host, workloads: [] }
        : { kind: 'service', namespace, name, host, workloads: [] },
    );
  }
  for (const workload of topology.workloads) {
    const { name, namespace, role } = workload;
    const id = places.ofWorkload(`${namespace}/${name}`);
    const kind = role === 'router' ? 'gateway' : 'workload';
    const { host, workloads } = drafts.get(id) ?? { host: '', workloads: [] };
    // a gateway is one, whatever service it has
    const known = role === 'router' ? undefined : drafts.get(id);
    drafts.set(id, { ...(known ?? { kind, namespace, name, host }), workloads: [...workloads, workload] });
  }
  return drafts;
}

/** Proxies that do not know an end call it `unknown`, in a namespace or in none. */
function knownOf(workload: string | undefined): string | undefined {
  return workload === undefined || workload === '' || workload.endsWith('/unknown') ? undefined : workload;
}

/** Whom a row calls: the workload that answered, or the service where none did. */
function targetOf({ source = '', destination, service }: SignalRow, places: Places): string {
  const known = knownOf(destination);
  if (known !== undefined) return places.ofWorkload(known);
  const [namespace = ''] = source.split('/');
  return (
    // what a caller's proxy answers by itself has the host that was asked for, as it was written
    (service === undefined ? undefined : places.ofHost(service, namespace)) ??
    (service === undefined || service === '' ? UNKNOWN_WORKLOAD : service)
  );
}

function edgesOf(rows: readonly SignalRow[], places: Places): GraphEdge[] {
  const groups = new Map<string, { from: string; to: string; rows: SignalRow[] }>();
  for (const row of rows) {
    const source = knownOf(row.source);
    const from = source === undefined ? UNKNOWN_WORKLOAD : places.ofWorkload(source);
    const to = targetOf(row, places);
    if (from === to) continue;
    const id = `${from}>${to}`;
    const group = groups.get(id) ?? { from, to, rows: [] };
    group.rows.push(row);
    groups.set(id, group);
  }
  return [...groups].map(([id, { from, to, rows: own }]) => {
    const load = loadOf(own);
    const protocol = [...new Set(own.map((row) => row.protocol))].join(', ');
    return { id, from, to, load, health: healthOf(load), protocol, rows: own };
  });
}

/** What rules give each workload of a host, in percent: the default one, or the first that divides. */
export function weightsOf({ splits }: Topology, host: string): ReadonlyMap<string, number> {
  const split = splits.findLast((each) => each.host === host && each.isDefault) ?? splits.find((each) => each.host === host);
  const weights = new Map<string, number>();
  for (const { percent, workloads } of split?.parts ?? [])
    for (const workload of workloads) weights.set(workload, (weights.get(workload) ?? 0) + percent / workloads.length);
  return weights;
}

function versionsOf({ host, workloads }: Draft, topology: Topology, byWorkload: ReadonlyMap<string, SignalRow[]>): Version[] {
  if (workloads.length < 2) return [];
  const weights = weightsOf(topology, host);
  const labelled = workloads.map(({ labels, name }) => labels['version'] ?? name);
  const isTelling = new Set(labelled).size === labelled.length;
  return workloads.map(({ namespace, name, labels }) => {
    const workload = `${namespace}/${name}`;
    const weight = weights.get(workload);
    const load = loadOf(byWorkload.get(workload) ?? []);
    return { workload, label: isTelling ? (labels['version'] ?? name) : name, load, ...(weight === undefined ? {} : { weight }) };
  });
}

function nodeOf(
  id: string,
  draft: Draft,
  topology: Topology,
  asked: readonly SignalRow[],
  byWorkload: ReadonlyMap<string, SignalRow[]>,
): GraphNode {
  const { kind, namespace, name, host, workloads } = draft;
  const load = loadOf(asked);
  const instances = workloads.reduce((sum, each) => sum + each.instances, 0);
  const ready = workloads.reduce((sum, each) => sum + each.ready, 0);
  return {
    id,
    kind,
    namespace,
    name,
    host,
    workloads: workloads.map((each) => `${each.namespace}/${each.name}`),
    versions: versionsOf(draft, topology, byWorkload),
    load,
    health: worse(healthOf(load), readinessOf(ready, instances)),
    instances,
    ready,
  };
}

function strangerOf(id: string): Draft {
  if (id === UNKNOWN_WORKLOAD) return { kind: 'unknown', namespace: EXTERNAL, name: 'unknown', host: '', workloads: [] };
  const [namespace = '', name] = id.split('/');
  return name === undefined
    ? { kind: 'external', namespace: EXTERNAL, name: id, host: id, workloads: [] }
    : { kind: 'workload', namespace, name, host: '', workloads: [] };
}

function grouped<T>(values: readonly T[], keyOf: (value: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}

/** The graph of a mesh with what its edges carried; `rows` are grouped by `edge`. */
export function graphOf(topology: Topology, rows: readonly SignalRow[]): Graph {
  const places = placesOf(topology);
  const drafts = draftsOf(topology, places);
  const edges = edgesOf(rows, places);
  for (const { from, to } of edges) for (const id of [from, to]) if (!drafts.has(id)) drafts.set(id, strangerOf(id));
  const byWorkload = grouped(rows, ({ destination }) => destination);
  const asked = new Map<string, SignalRow[]>();
  for (const { to, rows: own } of edges) asked.set(to, [...(asked.get(to) ?? []), ...own]);
  // who calls a gateway has no proxy to tell of it: what it passes on is what came
  for (const { from, rows: own } of edges) if (drafts.get(from)?.kind === 'gateway') asked.set(from, [...(asked.get(from) ?? []), ...own]);
  const nodes = [...drafts].map(([id, draft]) => nodeOf(id, draft, topology, asked.get(id) ?? [], byWorkload));
  return { nodes: nodes.toSorted((a, b) => (a.id < b.id ? -1 : 1)), edges: edges.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
}
