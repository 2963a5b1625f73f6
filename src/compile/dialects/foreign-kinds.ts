/** Kinds that people have in their folders and Tulle does not read, so that each is left out with its reason. */
import type { Diagnostic } from '../../model/provenance.ts';

export interface ForeignKind {
  /** Begin of the apiVersion; '' is Kubernetes' core group. */
  readonly group: string;
  readonly kinds: readonly string[];
  /** `error` where leaving it out admits what it forbids or breaks what it promises. */
  readonly severity: Diagnostic['severity'];
  readonly reason: string;
}

const RUNS = 'Tulle does not run containers; a program without Kubernetes is a Workload (tulle.dev/v1)';
const GATEWAY_API = 'the Gateway API is not read; write a Gateway and VirtualService of networking.istio.io/v1';

export const foreignKinds: readonly ForeignKind[] = [
  { group: '', kinds: ['Pod', 'ReplicationController'], severity: 'warning', reason: RUNS },
  { group: 'apps', kinds: ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'], severity: 'warning', reason: RUNS },
  { group: 'batch', kinds: ['Job', 'CronJob'], severity: 'warning', reason: RUNS },
  {
    group: '',
    kinds: ['ConfigMap', 'PersistentVolume', 'PersistentVolumeClaim', 'Node', 'Event'],
    severity: 'info',
    reason: 'it says nothing to a mesh',
  },
  { group: '', kinds: ['ServiceAccount'], severity: 'info', reason: 'a Workload names its service account without it' },
  {
    group: 'rbac.authorization.k8s.io',
    kinds: ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
    severity: 'info',
    reason: 'it says nothing to a mesh',
  },
  { group: 'autoscaling', kinds: ['HorizontalPodAutoscaler'], severity: 'info', reason: 'it says nothing to a mesh' },
  { group: 'policy', kinds: ['PodDisruptionBudget'], severity: 'info', reason: 'it says nothing to a mesh' },
  { group: 'apiextensions.k8s.io', kinds: ['CustomResourceDefinition'], severity: 'info', reason: 'it says nothing to a mesh' },
  {
    group: 'networking.k8s.io',
    kinds: ['NetworkPolicy'],
    severity: 'warning',
    reason: 'network policies are kept by the network; an AuthorizationPolicy is kept by the mesh',
  },
  {
    group: 'networking.k8s.io',
    kinds: ['Ingress', 'IngressClass'],
    severity: 'error',
    reason: 'write a Gateway and VirtualService of networking.istio.io/v1',
  },
  {
    group: 'gateway.networking.k8s.io',
    kinds: ['GatewayClass', 'Gateway', 'HTTPRoute', 'GRPCRoute', 'TCPRoute', 'TLSRoute', 'UDPRoute', 'ReferenceGrant', 'BackendTLSPolicy'],
    severity: 'error',
    reason: GATEWAY_API,
  },
  { group: 'extensions.istio.io', kinds: ['WasmPlugin', 'TrafficExtension'], severity: 'error', reason: 'proxies have no extensions' },
  {
    group: 'access.smi-spec.io',
    kinds: ['TrafficTarget'],
    severity: 'error',
    reason: 'write an AuthorizationPolicy of security.istio.io/v1',
  },
  {
    group: 'specs.smi-spec.io',
    kinds: ['TCPRoute', 'UDPRoute'],
    severity: 'error',
    reason: 'only a TrafficTarget could name it, which is not read either; write an AuthorizationPolicy of security.istio.io/v1',
  },
  { group: 'linkerd.io', kinds: ['ServiceProfile'], severity: 'error', reason: "Linkerd's kinds are not read; write a VirtualService" },
  {
    group: 'policy.linkerd.io',
    kinds: ['Server', 'ServerAuthorization', 'AuthorizationPolicy', 'MeshTLSAuthentication', 'NetworkAuthentication', 'HTTPRoute'],
    severity: 'error',
    reason: "Linkerd's kinds are not read; write an AuthorizationPolicy of security.istio.io/v1",
  },
];

/** The group of an apiVersion: `networking.istio.io/v1` is `networking.istio.io`, `v1` is ''. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}

/** What is known about a kind that is not read. */
export function findForeignKind(apiVersion: string, kind: string): ForeignKind | undefined {
  const group = groupOf(apiVersion);
  return foreignKinds.find((entry) => entry.group === group && entry.kinds.includes(kind));
}
