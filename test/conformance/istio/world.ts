/** A case's services and pods, written once, as what each of the two control planes reads. */
import { stringify } from 'yaml';
import type { WorkloadInstance } from '../../../src/model/workload.ts';

interface Pod {
  readonly name: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount?: string;
  readonly namespace?: string;
  /** region.zone.subzone, as Istio's label has it. */
  readonly locality?: string;
  /** False: without a proxy. */
  readonly meshed?: boolean;
  readonly ready?: boolean;
  readonly ports?: readonly number[];
}

interface ServiceSpec {
  readonly namespace?: string;
  /** Absent: headless. */
  readonly ip?: string;
  /** `80` or `80:8080`, by name. */
  readonly ports: Readonly<Record<string, string | number>>;
  readonly protocols?: Readonly<Record<string, string>>;
  readonly selector?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly created?: string;
}

export interface World {
  readonly services: Readonly<Record<string, ServiceSpec>>;
  readonly pods: readonly Pod[];
}

/** What cases have that say nothing else: one service with two versions. */
export const USUAL: World = {
  services: { web: { ip: '10.96.0.10', ports: { http: '80:8080' } } },
  pods: [
    { name: 'web-v1', ip: '10.0.0.1', labels: { app: 'web', version: 'v1' }, serviceAccount: 'web' },
    { name: 'web-v2', ip: '10.0.0.2', labels: { app: 'web', version: 'v2' }, serviceAccount: 'web' },
  ],
};

function portsOf({ ports, protocols }: ServiceSpec) {
  return Object.entries(ports).map(([name, written]) => {
    const [port = 0, target = port] = String(written).split(':').map(Number);
    return { name, port, targetPort: target, ...(protocols?.[name] && { appProtocol: protocols[name] }) };
  });
}

function serviceObject(name: string, spec: ServiceSpec) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: spec.namespace ?? 'default',
      ...(spec.annotations && { annotations: spec.annotations }),
      creationTimestamp: spec.created ?? '2020-01-01T00:00:00Z',
    },
    spec: { clusterIP: spec.ip ?? 'None', selector: spec.selector ?? { app: name }, ports: portsOf(spec) },
  };
}

/** The Services, which both read. */
export function serviceYaml({ services }: World): string {
  return Object.entries(services)
    .map(([name, spec]) => stringify(serviceObject(name, spec)))
    .join('---\n');
}

function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function podObject(pod: Pod) {
  const labels = {
    ...pod.labels,
    ...(pod.meshed !== false && { 'security.istio.io/tlsMode': 'istio' }),
    ...(pod.locality !== undefined && { 'istio-locality': pod.locality }),
  };
  const ready = pod.ready === false ? 'False' : 'True';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: pod.name, namespace: pod.namespace ?? 'default', labels },
    spec: { serviceAccountName: pod.serviceAccount ?? 'default', containers: [{ name: 'main' }], nodeName: 'node' },
    status: { podIP: pod.ip, phase: 'Running', conditions: [{ type: 'Ready', status: ready }] },
  };
}

function sliceObject(name: string, spec: ServiceSpec, pods: readonly Pod[]) {
  const namespace = spec.namespace ?? 'default';
  const own = pods.filter((pod) => (pod.namespace ?? 'default') === namespace && selects(spec.selector ?? { app: name }, pod.labels));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: own.map((pod) => ({
      addresses: [pod.ip],
      conditions: { ready: pod.ready !== false },
      targetRef: { kind: 'Pod', name: pod.name, namespace },
    })),
    ports: portsOf(spec).map(({ name: port, targetPort }) => ({ name: port, port: targetPort })),
  };
}

/** The pods and endpoints, which only istiod reads. */
export function kubernetesYaml({ services, pods }: World): string {
  const slices = Object.entries(services).map(([name, spec]) => sliceObject(name, spec, pods));
  return [...pods.map(podObject), ...slices].map((object) => stringify(object)).join('---\n');
}

/** The pods as instances that have registered, which only our control plane knows. */
export function instancesOf({ services, pods }: World): WorkloadInstance[] {
  const all = Object.values(services).flatMap((spec) => portsOf(spec).map(({ targetPort }) => targetPort));
  return pods.map((pod) => ({
    id: pod.name,
    workload: pod.name,
    namespace: pod.namespace ?? 'default',
    labels: pod.labels,
    serviceAccount: pod.serviceAccount ?? 'default',
    address: pod.ip,
    ports: [...new Set(pod.ports ?? all)].map((number) => ({ name: '', number, protocol: 'auto', listen: number })),
    locality: (pod.locality ?? '').replaceAll('.', '/'),
    isReady: pod.ready !== false,
    isMeshed: pod.meshed !== false,
  }));
}
