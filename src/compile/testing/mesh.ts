/** Meshes and proxies for tests, with everything that a case does not care about filled in. */
import { defaultMeshSettings, type Mesh, type MeshSettings } from '../../model/mesh.ts';
import type { Provenance } from '../../model/provenance.ts';
import {
  ANY_REQUEST,
  type Headers,
  type HttpMatch,
  type HttpRule,
  PLAIN_RULE,
  type RouteSet,
  type WeightedDestination,
} from '../../model/route.ts';
import type {
  AuthorizationOperation,
  AuthorizationPolicy,
  AuthorizationRule,
  AuthorizationSource,
  PeerAuthentication,
  Values,
} from '../../model/security.ts';
import type { Endpoint, Protocol, Service, ServicePort } from '../../model/service.ts';
import type { ProxyNode } from '../emit/proxy-node.ts';

/** A provenance of `kind` `name` in namespace shop. */
export function origin(kind: string, name: string, field = '', line = 1): Provenance {
  return { kind, namespace: 'shop', name, file: `${name}.yaml`, line, field };
}

/** A mesh with these parts. */
export function meshOf(parts: Partial<Omit<Mesh, 'settings'>> & { settings?: Partial<MeshSettings> } = {}): Mesh {
  return {
    namespaces: [],
    services: [],
    workloads: [],
    instances: [],
    routes: [],
    destinationPolicies: [],
    gateways: [],
    envoyFilters: [],
    sidecars: [],
    telemetries: [],
    proxyConfigs: [],
    secrets: [],
    peerAuthentications: [],
    requestAuthentications: [],
    authorizationPolicies: [],
    keySets: [],
    ...parts,
    settings: { ...defaultMeshSettings, ...parts.settings },
  };
}

/** A service port. */
export function portOf(number: number, protocol: Protocol, targetPort = number): ServicePort {
  return { name: `${protocol}-${number}`, number, targetPort, protocol, origin: origin('Service', 'port') };
}

/** A ready endpoint in the mesh. */
export function endpointOf(address: string, parts: Partial<Endpoint> = {}): Endpoint {
  return {
    address,
    ports: {},
    labels: {},
    namespace: 'shop',
    serviceAccount: 'default',
    workload: '',
    locality: '',
    weight: 1,
    isReady: true,
    isMeshed: true,
    origin: origin('Endpoints', 'endpoint'),
    ...parts,
  };
}

/** The Kubernetes service `name.shop` at 10.96.0.1. */
export function serviceOf(name: string, ports: readonly ServicePort[], parts: Partial<Service> = {}): Service {
  return {
    hostname: `${name}.shop.svc.cluster.local`,
    name,
    namespace: 'shop',
    ports,
    addresses: ['10.96.0.1'],
    isHeadless: false,
    resolution: 'static',
    isExternal: false,
    exportTo: ['*'],
    subjectAltNames: [],
    endpoints: [],
    createdAt: 0,
    origin: origin('Service', name),
    ...parts,
  };
}

/** A destination with all of the weight. */
export function to(
  host: string,
  parts: Partial<WeightedDestination['destination']> & { weight?: number; headers?: Headers } = {},
): WeightedDestination {
  const { weight = 1, headers, ...destination } = parts;
  return {
    destination: { host, subset: undefined, port: undefined, ...destination },
    weight,
    headers,
    origin: origin('VirtualService', 'vs'),
  };
}

/** A match block. */
export function matchOf(parts: Partial<HttpMatch>): HttpMatch {
  return {
    ...ANY_REQUEST,
    origin: origin('VirtualService', 'vs', 'spec.http[0].match[0]', 5),
    ...parts,
  };
}

/** A rule that forwards to `destinations`. */
export function ruleOf(destinations: readonly WeightedDestination[], parts: Partial<HttpRule> = {}): HttpRule {
  return {
    ...PLAIN_RULE,
    action: { kind: 'forward', destinations },
    origin: origin('VirtualService', 'vs', 'spec.http[0]', 4),
    ...parts,
  };
}

/** A route set of sidecars. */
export function routeSetOf(hosts: readonly string[], parts: Partial<RouteSet> = {}): RouteSet {
  return {
    name: 'vs',
    namespace: 'shop',
    hosts,
    gateways: ['mesh'],
    exportTo: ['*'],
    http: [],
    tls: [],
    tcp: [],
    createdAt: 0,
    origin: origin('VirtualService', 'vs'),
    ...parts,
  };
}

const NO_VALUES: Values = { values: [], notValues: [] };

/** A rule of an AuthorizationPolicy. */
export function authorizationRule(parts: {
  from?: readonly Partial<AuthorizationSource>[];
  to?: readonly Partial<AuthorizationOperation>[];
  when?: AuthorizationRule['when'];
}): AuthorizationRule {
  const source = {
    principals: NO_VALUES,
    requestPrincipals: NO_VALUES,
    namespaces: NO_VALUES,
    serviceAccounts: NO_VALUES,
    trustDomains: NO_VALUES,
    ipBlocks: NO_VALUES,
    remoteIpBlocks: NO_VALUES,
  };
  const operation = { hosts: NO_VALUES, ports: NO_VALUES, methods: NO_VALUES, paths: NO_VALUES };
  return {
    from: (parts.from ?? []).map((own) => ({ ...source, ...own })),
    to: (parts.to ?? []).map((own) => ({ ...operation, ...own })),
    when: parts.when ?? [],
    origin: origin('AuthorizationPolicy', 'policy', 'spec.rules[0]', 7),
  };
}

/** An AuthorizationPolicy of namespace shop. */
export function policyOf(
  name: string,
  action: AuthorizationPolicy['action'],
  rules: readonly AuthorizationRule[],
  parts: Partial<AuthorizationPolicy> = {},
): AuthorizationPolicy {
  return {
    name,
    namespace: 'shop',
    selector: undefined,
    gateways: undefined,
    action,
    provider: '',
    isDryRun: false,
    rules,
    createdAt: 0,
    origin: origin('AuthorizationPolicy', name),
    ...parts,
  };
}

/** A PeerAuthentication of the whole namespace shop. */
export function peerAuthenticationOf(mode: PeerAuthentication['mode'], parts: Partial<PeerAuthentication> = {}): PeerAuthentication {
  return {
    name: 'default',
    namespace: 'shop',
    selector: undefined,
    mode,
    ports: new Map(),
    createdAt: 0,
    origin: origin('PeerAuthentication', 'default'),
    ...parts,
  };
}

/** A sidecar of workload `web` in namespace shop. */
export function sidecarOf(parts: Partial<ProxyNode> = {}): ProxyNode {
  return {
    id: 'sidecar~10.0.0.9~web-0.shop~shop.svc.cluster.local',
    role: 'sidecar',
    namespace: 'shop',
    labels: { app: 'web' },
    metadata: {},
    serviceAccount: 'web',
    workload: 'web',
    addresses: ['10.0.0.9'],
    locality: '',
    userAgent: 'other',
    interception: 'REDIRECT',
    ports: [],
    explicit: undefined,
    isOnDemand: false,
    hasHostsOnDemand: false,
    ...parts,
  };
}
