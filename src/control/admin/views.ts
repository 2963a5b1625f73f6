/** What the admin API shows, as plain JSON values with provenance as file and line. */
import type { Mesh } from '../../model/mesh.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { AuthorizationPolicy, PeerAuthentication, RequestAuthentication } from '../../model/security.ts';
import type { Service } from '../../model/service.ts';
import type { RouteSet } from '../../model/route.ts';
import { HEALTH_TYPE, resourceType } from '../../xds/types.ts';
import type { ConnectedProxy, ControlState } from '../control-state.ts';
import { httpRuleView, l4RuleView } from './rule-view.ts';

function placeOf({ kind, namespace, name, file, line }: Provenance): object {
  return { kind, namespace, name, file, line };
}

function versionOf(proxy: ConnectedProxy): string {
  const agent = proxy.node?.userAgentName ?? '';
  const { userAgentVersionType: version } = proxy.node ?? {};
  if (version?.case === 'userAgentVersion') return `${agent}/${version.value}`;
  if (version?.case !== 'userAgentBuildVersion') return agent;
  const { majorNumber = 0, minorNumber = 0, patch = 0 } = version.value.version ?? {};
  return `${agent}/${majorNumber}.${minorNumber}.${patch}`;
}

/** SYNCED, STALE (not answered yet) or ERROR (rejected), as istioctl's proxy-status has it. */
function stateOf(status: ReturnType<ConnectedProxy['status']>[number]): string {
  if (status.rejection !== undefined) return 'ERROR';
  return status.isOutstanding ? 'STALE' : 'SYNCED';
}

function typesOf(proxy: ConnectedProxy): object {
  const rows = proxy.status().filter(({ typeUrl }) => typeUrl !== HEALTH_TYPE);
  return Object.fromEntries(
    rows.map((status) => [
      resourceType(status.typeUrl)?.name ?? status.typeUrl,
      {
        status: stateOf(status),
        sent: status.sentVersion,
        acked: status.ackedVersion,
        resources: status.resources,
        ...(status.rejection && { nack: { message: status.rejection.message, resources: status.rejection.resources } }),
      },
    ]),
  );
}

/** One row a connected proxy, in order of id. */
export function viewProxies(state: ControlState): object[] {
  return [...state.connections]
    .toSorted((a, b) => (a.proxy.id < b.proxy.id ? -1 : 1))
    .map((connection) => ({
      id: connection.proxy.id,
      namespace: connection.proxy.namespace,
      workload: connection.proxy.workload,
      instance: connection.instance?.id ?? '',
      version: versionOf(connection),
      meshVersion: state.versions.model.versionFor(connection.proxy),
      variant: connection.variant.name,
      isTrusted: connection.isTrusted,
      connectedSince: new Date(connection.connectedAtMs).toISOString(),
      types: typesOf(connection),
    }));
}

function viewService(service: Service): object {
  return {
    hostname: service.hostname,
    name: service.name,
    namespace: service.namespace,
    addresses: service.addresses,
    ports: service.ports.map(({ name, number, targetPort, protocol }) => ({ name, number, targetPort, protocol })),
    resolution: service.resolution,
    isExternal: service.isExternal,
    endpoints: service.endpoints.map(({ address, ports, workload, isReady, isMeshed, locality }) => {
      return { address, ports, workload, isReady, isMeshed, locality };
    }),
    origin: placeOf(service.origin),
  };
}

/** Rows of `/api/services`. */
export function viewServices(mesh: Mesh): object[] {
  return mesh.services.map(viewService);
}

function viewRoute(route: RouteSet): object {
  const placed = (view: object, { file, line, field }: Provenance): object => ({ ...view, file, line, field });
  return {
    name: route.name,
    namespace: route.namespace,
    hosts: route.hosts,
    gateways: route.gateways,
    rules: [
      ...route.http.map((rule) => placed(httpRuleView(rule), rule.origin)),
      ...route.tls.map((rule) => placed(l4RuleView('tls', rule), rule.origin)),
      ...route.tcp.map((rule) => placed(l4RuleView('tcp', rule), rule.origin)),
    ],
    origin: placeOf(route.origin),
  };
}

/** Rows of `/api/routes`. */
export function viewRoutes(mesh: Mesh): object[] {
  return mesh.routes.map(viewRoute);
}

function viewAuthorization(policy: AuthorizationPolicy): object {
  const { name, namespace, selector, gateways, action, provider, isDryRun, rules, origin } = policy;
  return {
    kind: origin.kind,
    name,
    namespace,
    selector: selector ?? {},
    ...(gateways && { gateways }),
    action,
    ...(provider !== '' && { provider }),
    isDryRun,
    rules: rules.length,
    origin: placeOf(origin),
  };
}

function viewRequestAuthentication({ name, namespace, selector, gateways, rules, origin }: RequestAuthentication): object {
  const issuers = rules.map(({ issuer }) => issuer);
  return { kind: origin.kind, name, namespace, selector: selector ?? {}, ...(gateways && { gateways }), issuers, origin: placeOf(origin) };
}

function viewPeerAuthentication(policy: PeerAuthentication): object {
  const { name, namespace, selector, mode, ports, origin } = policy;
  return { kind: origin.kind, name, namespace, selector: selector ?? {}, mode, ports: Object.fromEntries(ports), origin: placeOf(origin) };
}

/** Authorization, authentication of requests and peers, and traffic policies. */
export function viewPolicies(mesh: Mesh): object[] {
  const destinations = mesh.destinationPolicies.map(({ name, namespace, host, subsets, origin }) => {
    return { kind: origin.kind, name, namespace, host, subsets: subsets.map((subset) => subset.name), origin: placeOf(origin) };
  });
  return [
    ...mesh.authorizationPolicies.map(viewAuthorization),
    ...mesh.requestAuthentications.map(viewRequestAuthentication),
    ...mesh.peerAuthentications.map(viewPeerAuthentication),
    ...destinations,
  ];
}

/** `/api/ca`. */
export function viewAuthority(state: ControlState): object {
  const { authority } = state;
  return {
    rootCertificate: authority.rootCertificate,
    expiresAt: new Date(authority.rootExpiresAtMs).toISOString(),
    certificatesIssued: authority.issuedTotal(),
  };
}
