/**
 * What would run: workloads, what runs already, and the pods of Kubernetes' kinds, so that selectors, subsets and
 * policies of a folder are judged as if all of it was up.
 */
import { isObject } from '../../core/object.ts';
import type { ServicePort } from '../../model/service.ts';
import type { Workload, WorkloadInstance } from '../../model/workload.ts';
import type { Resource } from '../dialects/dialect.ts';
import { selectProtocol } from '../dialects/protocol.ts';
import { type Documents, listAt, mapAt, type RawDocument, textAt, textsOf } from './document.ts';

/** A workload, in as much as analysers care. */
export interface Runner {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  readonly ports: readonly Pick<ServicePort, 'name' | 'number' | 'protocol'>[];
  /** Addresses of its instances. */
  readonly addresses: readonly string[];
  /** The application's port by where peers reach it, where that differs. */
  readonly appPorts: ReadonlyMap<number, number>;
  readonly isMeshed: boolean;
  readonly isGateway: boolean;
}

/** Kinds of Kubernetes that make pods, and where their template stands. */
export const POD_KINDS: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  Deployment: ['spec', 'template'],
  StatefulSet: ['spec', 'template'],
  DaemonSet: ['spec', 'template'],
  ReplicaSet: ['spec', 'template'],
  ReplicationController: ['spec', 'template'],
  Job: ['spec', 'template'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template'],
};

type Draft = Omit<Runner, 'addresses' | 'appPorts'>;

function ofWorkload({ name, namespace, labels, serviceAccount, ports, role, isMeshed }: Workload): Draft {
  return { name, namespace, labels, serviceAccount, ports, isMeshed, isGateway: role === 'router' };
}

function portsOf(spec: ReturnType<typeof mapAt>): Runner['ports'] {
  const ports = listAt(spec, 'containers').flatMap((container) => (isObject(container) ? listAt(container, 'ports') : []));
  return ports.flatMap((port) => {
    if (!isObject(port) || textAt(port, 'protocol') === 'UDP') return [];
    const number = Number(textAt(port, 'containerPort'));
    const name = textAt(port, 'name');
    return Number.isInteger(number) && number > 0 ? [{ name, number, protocol: selectProtocol(number, name, undefined) }] : [];
  });
}

function ofPods({ kind, namespace, name, value }: RawDocument): Draft {
  const template = mapAt(value, ...(POD_KINDS[kind] ?? []));
  const labels = textsOf(mapAt(template, 'metadata', 'labels'));
  const annotations = mapAt(template, 'metadata', 'annotations');
  const spec = mapAt(template, 'spec');
  const inject = labels['sidecar.istio.io/inject'] ?? textAt(annotations, 'sidecar.istio.io/inject');
  const isGateway = textAt(annotations, 'inject.istio.io/templates').includes('gateway') || labels['istio'] !== undefined;
  const serviceAccount = textAt(spec, 'serviceAccountName') || 'default';
  return { name, namespace, labels, serviceAccount, ports: portsOf(spec), isMeshed: inject !== 'false', isGateway };
}

/** 100.64.0.0/10: addresses that no network of a mesh has. */
function addressOf(index: number): string {
  return `100.${64 + ((index >> 16) & 63)}.${(index >> 8) & 255}.${index & 255}`;
}

function instanceOf({ name, namespace, labels, serviceAccount, ports, isMeshed, isGateway }: Draft, address: string): WorkloadInstance {
  return {
    id: `${name}-0`,
    workload: name,
    namespace,
    labels,
    serviceAccount,
    address,
    ports: ports.map((port) => ({ ...port, listen: port.number })),
    locality: '',
    isReady: true,
    isMeshed,
    ...(isGateway ? { isGateway } : {}),
  };
}

function ofRunning(draft: Draft, instances: readonly WorkloadInstance[]): Runner {
  const ports = instances.flatMap((instance) => instance.ports);
  return {
    ...draft,
    addresses: instances.map(({ address }) => address),
    appPorts: new Map(ports.filter(({ number, listen }) => number !== listen).map(({ number, listen }) => [listen, number])),
  };
}

/** WorkloadEntries are selected as workloads are. */
function ofEntries(resources: readonly Resource[], suffix: string): Runner[] {
  return resources.flatMap((resource) => {
    if (resource.kind !== 'WorkloadEntry') return [];
    const part = resource.part(suffix);
    if (part.kind !== 'workload-entry') return [];
    const { name, namespace, labels, address, serviceAccount, isMeshed } = part.value;
    const known = { ports: [], appPorts: new Map(), isGateway: false };
    return [{ name, namespace, labels, addresses: [address], serviceAccount, isMeshed, ...known }];
  });
}

/** Workloads, and one instance of each: those that run, and one that stands for each that does not. */
export function runnersOf(
  resources: readonly Resource[],
  documents: Documents,
  running: readonly WorkloadInstance[],
  suffix: string,
): { readonly runners: readonly Runner[]; readonly instances: readonly WorkloadInstance[] } {
  const workloads = resources.flatMap((resource) => {
    const part = resource.kind === 'Workload' ? resource.part(suffix) : undefined;
    return part?.kind === 'workload' ? [ofWorkload(part.value)] : [];
  });
  const drafts = [...workloads, ...documents.ofKinds(...Object.keys(POD_KINDS)).map(ofPods)];
  const byWorkload = Map.groupBy(running, ({ namespace, workload }) => `${namespace}/${workload}`);
  const runners: Runner[] = [];
  const instances = [...running];
  for (const [index, draft] of drafts.entries()) {
    const key = `${draft.namespace}/${draft.name}`;
    const own = byWorkload.get(key) ?? [instanceOf(draft, addressOf(index + 1))];
    if (!byWorkload.has(key)) instances.push(...own);
    byWorkload.delete(key);
    runners.push(ofRunning(draft, own));
  }
  for (const own of byWorkload.values()) {
    const [first] = own;
    if (first !== undefined) runners.push(ofRunning({ ...first, name: first.workload, isGateway: first.isGateway === true }, own));
  }
  return { runners: [...runners, ...ofEntries(resources, suffix)], instances };
}
