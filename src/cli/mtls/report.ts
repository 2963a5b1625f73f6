/** Who speaks plaintext to whom, and whom STRICT would refuse: out of what proxies count, flow records and policies. Pure. */
import { type Flow, PLAINTEXT_REFUSED } from '../../model/flow.ts';
import type { Provenance } from '../../model/provenance.ts';
import { type SignalRow, UNKNOWN_WORKLOAD } from '../../model/signals.ts';

type Mode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** A workload of the mesh and the PeerAuthentication that is in force for it. */
export interface WorkloadMode {
  readonly namespace: string;
  readonly workload: string;
  readonly hasProxy: boolean;
  readonly mode: Mode;
}

export interface PlaintextEdge {
  /** `namespace/workload`; `unknown/unknown` for somebody without a proxy, whom nobody knows. */
  readonly source: string;
  /** Who such callers are, as far as flow records tell: workloads of the mesh, or addresses. */
  readonly callers: readonly string[];
  /** Of these those with a proxy, which does not know whom it calls: by an address that is no service's. */
  readonly pastServices: readonly string[];
  readonly destination: string;
  readonly service: string;
  readonly protocol: string;
  /** Requests, or connections, a second. */
  readonly perSecond: number;
  /** The called workload's. */
  readonly mode: Mode;
  /** What STRICT would mean for it. */
  readonly underStrict: 'refused' | 'changes to mTLS';
}

/** Connections in plaintext that a STRICT workload has refused: proxies count them nowhere, but tell of them as flows. */
export interface Refusal {
  /** `namespace/workload`, or an address. */
  readonly caller: string;
  readonly destination: string;
  /** As many as flow records are kept. */
  readonly connections: number;
  /** The PeerAuthentication. */
  readonly policy?: Provenance;
}

export interface NamespaceReport {
  readonly namespace: string;
  /** Workloads with a proxy, by mode. */
  readonly modes: Readonly<Partial<Record<Mode, number>>>;
  readonly perSecond: number;
  /** Share (0 to 1); undefined without traffic. */
  readonly mutualTlsRatio: number | undefined;
  /** Callers that STRICT would refuse. */
  readonly refused: readonly string[];
  readonly verdict: string;
}

export interface MtlsReport {
  readonly namespaces: readonly NamespaceReport[];
  readonly plaintext: readonly PlaintextEdge[];
  /** What is refused already. */
  readonly refusals: readonly Refusal[];
}

function rateOf({ requestsPerSecond, connectionsPerSecond, protocol }: SignalRow): number {
  return protocol === 'tcp' ? connectionsPerSecond : requestsPerSecond;
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

/** Those who call a workload in plaintext and have no row of their own: workloads, or addresses. */
function callersOf(flows: readonly Flow[], destination: string, hasRow: (workload: string) => boolean): readonly string[] {
  const found = flows.filter(
    (flow) =>
      !flow.isMutualTls &&
      flow.details !== PLAINTEXT_REFUSED &&
      flow.reporter === 'destination' &&
      `${flow.destination.namespace}/${flow.destination.workload}` === destination,
  );
  const names = found.flatMap(({ source: { namespace, workload, address } }) => {
    if (workload === '' || workload === 'unknown') return [hostOf(address)];
    return hasRow(`${namespace}/${workload}`) ? [] : [`${namespace}/${workload}`];
  });
  return [...new Set(names)].toSorted();
}

/** Of several modes the one that lets most in. */
function widest(modes: readonly Mode[]): Mode {
  return modes.find((mode) => mode === 'DISABLE') ?? modes.find((mode) => mode === 'PERMISSIVE') ?? 'STRICT';
}

function edgesOf(rows: readonly SignalRow[], workloads: readonly WorkloadMode[], flows: readonly Flow[]): PlaintextEdge[] {
  const withProxy = new Map<string, Mode[]>();
  for (const { namespace, workload, hasProxy, mode } of workloads) {
    const name = `${namespace}/${workload}`;
    if (hasProxy) withProxy.set(name, [...(withProxy.get(name) ?? []), mode]);
  }
  return rows.flatMap((row) => {
    const { source = UNKNOWN_WORKLOAD, destination = '', service = '', protocol, mutualTlsRatio = 1 } = row;
    const modes = withProxy.get(destination);
    const perSecond = rateOf(row) * (1 - mutualTlsRatio);
    // without a proxy nobody there could take mTLS
    if (modes === undefined || perSecond <= 0) return [];
    const mode = widest(modes);
    // where it is off, proxies leave it off by themselves, and begin once it is on
    const underStrict = mode === 'DISABLE' && withProxy.has(source) ? 'changes to mTLS' : 'refused';
    const hasRow = (name: string): boolean => rows.some((each) => each.source === name && each.destination === destination);
    const callers = source === UNKNOWN_WORKLOAD ? callersOf(flows, destination, hasRow) : [];
    const pastServices = callers.filter((name) => withProxy.has(name));
    return [{ source, callers, pastServices, destination, service, protocol, perSecond, mode, underStrict }];
  });
}

/** What a caller is called: its name, or where it is. */
export function callerText({ source, callers, pastServices }: Pick<PlaintextEdge, 'source' | 'callers' | 'pastServices'>): string {
  if (source !== UNKNOWN_WORKLOAD) return source;
  const [named, addresses] = [callers.filter((each) => each.includes('/')), callers.filter((each) => !each.includes('/'))];
  const others = addresses.length === 0 ? '' : ` (${addresses.join(', ')})`;
  const texts = named.map((each) => `${each}, which ${pastServices.includes(each) ? 'calls an address, no service' : 'has no proxy'}`);
  return [...texts, ...(named.length > 0 && others === '' ? [] : [`unknown callers${others}`])].join(' and ');
}

function refusalsOf(flows: readonly Flow[]): Refusal[] {
  const known = new Map<string, Refusal>();
  for (const { details, source, destination, policy } of flows) {
    if (details !== PLAINTEXT_REFUSED) continue;
    const caller = source.workload === '' ? hostOf(source.address) : `${source.namespace}/${source.workload}`;
    const called = `${destination.namespace}/${destination.workload}`;
    const key = `${caller} ${called}`;
    const connections = (known.get(key)?.connections ?? 0) + 1;
    known.set(key, { caller, destination: called, connections, ...(policy && { policy }) });
  }
  return [...known.values()].toSorted((a, b) => b.connections - a.connections);
}

function verdictOf(modes: NamespaceReport['modes'], perSecond: number, refused: readonly string[], refusing: readonly string[]): string {
  const judged = judgedBy(modes, perSecond, refused);
  if (refusing.length === 0) return judged;
  return `${judged}${judged === 'is STRICT' ? ', and' : '; already'} refuses ${refusing.join('; ')}`;
}

function judgedBy(modes: NamespaceReport['modes'], perSecond: number, refused: readonly string[]): string {
  if (modes.PERMISSIVE === undefined && modes.DISABLE === undefined) {
    return refused.length === 0 ? 'is STRICT' : `is STRICT, and refuses ${refused.join('; ')}`;
  }
  if (refused.length > 0) return `STRICT would refuse ${refused.join('; ')}`;
  return perSecond === 0 ? 'nothing was called: STRICT cannot be judged' : 'STRICT would refuse nobody seen';
}

function namespaceReport(
  namespace: string,
  workloads: readonly WorkloadMode[],
  rows: readonly SignalRow[],
  edges: readonly PlaintextEdge[],
  refusals: readonly Refusal[],
): NamespaceReport {
  const modes: Partial<Record<Mode, number>> = {};
  for (const { mode } of workloads) modes[mode] = (modes[mode] ?? 0) + 1;
  const names = new Set(workloads.map(({ workload }) => `${namespace}/${workload}`));
  // of what went nowhere nobody can say
  const own = rows.filter(({ destination = '', mutualTlsRatio }) => mutualTlsRatio !== undefined && names.has(destination));
  const perSecond = own.reduce((sum, row) => sum + rateOf(row), 0);
  const encrypted = own.reduce((sum, row) => sum + rateOf(row) * (row.mutualTlsRatio ?? 0), 0);
  const refused = [...new Set(edges.filter((edge) => names.has(edge.destination) && edge.underStrict === 'refused').map(callerText))];
  const refusing = [...new Set(refusals.filter(({ destination }) => names.has(destination)).map(({ caller }) => caller))];
  return {
    namespace,
    modes,
    perSecond,
    mutualTlsRatio: perSecond === 0 ? undefined : encrypted / perSecond,
    refused,
    verdict: verdictOf(modes, perSecond, refused, refusing),
  };
}

/**
 * The report of all namespaces that have proxies.
 *
 * @param rows of a window, by edge
 * @param flows sampled, of the same time: they only say where callers without a proxy are, and who was refused
 */
export function mtlsReport(rows: readonly SignalRow[], workloads: readonly WorkloadMode[], flows: readonly Flow[]): MtlsReport {
  const plaintext = edgesOf(rows, workloads, flows).toSorted((a, b) => b.perSecond - a.perSecond);
  const refusals = refusalsOf(flows);
  const proxied = workloads.filter(({ hasProxy }) => hasProxy);
  const namespaces = [...new Set(proxied.map(({ namespace }) => namespace))].toSorted();
  return {
    namespaces: namespaces.map((namespace) =>
      namespaceReport(
        namespace,
        proxied.filter((each) => each.namespace === namespace),
        rows,
        plaintext,
        refusals,
      ),
    ),
    plaintext,
    refusals,
  };
}
