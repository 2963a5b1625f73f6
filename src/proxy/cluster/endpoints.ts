import net from 'node:net';
import { ConfigError } from '../../core/errors.ts';
import { internalAddress, internalListenerOf, type NetAddress } from '../../net/address.ts';
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { HealthStatus } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { localityText } from './locality-text.ts';
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type {
  Endpoint_HealthCheckConfig as HealthCheckConfig,
  LbEndpoint,
  LocalityLbEndpoints,
} from '../../xds/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts';
import { positiveDurationMs } from '../config/durations.ts';
import { knownPartsOf } from '../config/fraction.ts';

/** What a load assignment says of a host's health: `degraded` is used when nothing healthy is left. */
type EndpointHealth = 'healthy' | 'degraded' | 'unhealthy' | 'draining';

/** How an endpoint is checked where not as it gets traffic. Envoy: Endpoint.HealthCheckConfig. */
interface EndpointCheck {
  /** Undefined for the endpoint's own. */
  readonly address: NetAddress | undefined;
  /** 0 for that of the address. */
  readonly port: number;
  /** The authority to ask for; '' for what the check says. */
  readonly hostname: string;
  readonly isDisabled: boolean;
}

/** One endpoint of a load assignment, before names are resolved. */
export interface Endpoint {
  /** Tells it from others of its cluster; absent: its address does. */
  readonly id?: string;
  /** An IP address, a path, or (where the cluster resolves names) a name; with its port. */
  readonly address: NetAddress;
  /** Further addresses of the same host, to be tried where the first does not connect; absent: none. */
  readonly additional?: readonly NetAddress[];
  /** Name of the endpoint; '' without. */
  readonly hostname: string;
  readonly weight: number;
  readonly health: EndpointHealth;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly priority: number;
  /** `region/zone/sub_zone`. */
  readonly locality: string;
  /** Weight of the locality among those of its priority; 0 where it has none and gets no traffic. */
  readonly localityWeight: number;
  /** Absent where the endpoint is checked as it is. */
  readonly check?: EndpointCheck | undefined;
}

export interface Assignment {
  readonly endpoints: readonly Endpoint[];
  /** `overprovisioning_factor` as a fraction: 1.4 says that 72% of the hosts can carry all traffic. */
  readonly overprovisioning: number;
  /** `drop_overloads`: share of requests, in [0, 1], to be refused; absent: none. */
  readonly dropShare?: number;
  /** `endpoint_stale_after`: how long the assignment holds without another one, in milliseconds; absent: for ever. */
  readonly staleAfterMs?: number;
}

/** The assignment of a cluster without endpoints. */
export const NO_ENDPOINTS: Assignment = { endpoints: [], overprovisioning: 1.4 };

/** An endpoint that nothing but its address is known of. */
export function endpointAt(address: NetAddress): Endpoint {
  return { address, hostname: '', weight: 1, health: 'healthy', metadata: {}, priority: 0, locality: '//', localityWeight: 0 };
}

const HIGHEST_PRIORITY_NUMBER = 128;

/** True where an endpoint can be connected to as it is: an IP address, a Unix socket or an internal listener. */
function isConnectable(address: NetAddress): boolean {
  return address.host.startsWith('/') || net.isIP(address.host) !== 0 || internalListenerOf(address) !== undefined;
}

/** Throws ConfigError at `path` for an endpoint that would have to be resolved. */
export function refuseNames(assignment: Assignment, path: string): void {
  const addresses = assignment.endpoints.flatMap(({ address, additional = [] }) => [address, ...additional]);
  const named = addresses.find((address) => !isConnectable(address));
  if (named !== undefined) throw new ConfigError(path, `${named.host} is not an IP address, and a cluster of this type resolves no names`);
}

/** Where an endpoint stands: an address as of listeners, or an internal listener of this proxy. */
function readEndpointAddress(address: Address | undefined, path: string): NetAddress {
  const inner = address?.address;
  if (inner?.case !== 'envoyInternalAddress') return readAddress(address, path);
  const { addressNameSpecifier: name, endpointId } = inner.value;
  if (name.case !== 'serverListenerName' || name.value === '')
    throw new ConfigError(`${path}.envoy_internal_address.server_listener_name`, 'is empty');
  return internalAddress(name.value, endpointId);
}

/** An address of a listener or endpoint: a socket address, or a Unix socket's path with port 0. */
export function readAddress(address: Address | undefined, path: string): NetAddress {
  const inner = address?.address;
  if (inner?.case === 'pipe') return { host: inner.value.path, port: 0 };
  if (inner?.case !== 'socketAddress') throw new ConfigError(path, `${inner?.case ?? 'no address'}; a socket_address or pipe is needed`);
  const socket = inner.value;
  if (socket.protocol !== 0) throw new ConfigError(`${path}.socket_address.protocol`, 'only TCP is supported');
  const { case: specifier, value: port } = socket.portSpecifier;
  if (specifier !== 'portValue') throw new ConfigError(`${path}.socket_address`, 'port_value is missing');
  if (port > 65_535) throw new ConfigError(`${path}.socket_address.port_value`, `${port} is above 65535`);
  if (socket.address === '') throw new ConfigError(`${path}.socket_address.address`, 'is empty');
  return { host: socket.address, port };
}

function healthOf(status: HealthStatus): EndpointHealth {
  switch (status) {
    case HealthStatus.UNHEALTHY:
    case HealthStatus.TIMEOUT:
      return 'unhealthy';
    case HealthStatus.DRAINING:
      return 'draining';
    case HealthStatus.DEGRADED:
      return 'degraded';
    default:
      return 'healthy';
  }
}

function readCheck(config: HealthCheckConfig | undefined, path: string): EndpointCheck | undefined {
  if (config === undefined) return undefined;
  if (config.portValue > 65_535) throw new ConfigError(`${path}.port_value`, `${config.portValue} is above 65535`);
  return {
    address: config.address && readAddress(config.address, `${path}.address`),
    port: config.portValue,
    hostname: config.hostname,
    isDisabled: config.disableActiveHealthCheck,
  };
}

/** Where an endpoint is checked. */
export function checkAddressOf({ address, check }: Endpoint): NetAddress {
  const own = check?.address ?? address;
  return check === undefined || check.port === 0 ? own : { host: own.host, port: check.port };
}

function readEndpoint(endpoint: LbEndpoint, locality: LocalityLbEndpoints, path: string): Endpoint {
  if (endpoint.hostIdentifier.case !== 'endpoint') throw new ConfigError(path, 'endpoint is missing');
  const { address, hostname, additionalAddresses } = endpoint.hostIdentifier.value;
  if (endpoint.loadBalancingWeight === 0) throw new ConfigError(`${path}.load_balancing_weight`, '0 is below 1');
  return {
    address: readEndpointAddress(address, `${path}.endpoint.address`),
    ...(additionalAddresses.length === 0
      ? {}
      : {
          additional: additionalAddresses.map((each, i) =>
            readAddress(each.address, `${path}.endpoint.additional_addresses[${i}].address`),
          ),
        }),
    hostname,
    weight: endpoint.loadBalancingWeight ?? 1,
    health: healthOf(endpoint.healthStatus),
    metadata: endpoint.metadata?.filterMetadata ?? {},
    priority: locality.priority,
    locality: localityText(locality.locality),
    localityWeight: locality.loadBalancingWeight ?? 0,
    check: readCheck(endpoint.hostIdentifier.value.healthCheckConfig, `${path}.endpoint.health_check_config`),
  };
}

function readLocality(locality: LocalityLbEndpoints, path: string): Endpoint[] {
  if (locality.lbConfig.case !== undefined) throw new ConfigError(path, `${locality.lbConfig.case} is not supported`);
  if (locality.priority > HIGHEST_PRIORITY_NUMBER)
    throw new ConfigError(`${path}.priority`, `${locality.priority} is above ${HIGHEST_PRIORITY_NUMBER}`);
  return locality.lbEndpoints.map((endpoint, i) => readEndpoint(endpoint, locality, `${path}.lb_endpoints[${i}]`));
}

function readDropShare(policy: ClusterLoadAssignment['policy'], path: string): number {
  const [drop, ...others] = policy?.dropOverloads ?? [];
  const at = `${path}.policy.drop_overloads`;
  // as Envoy: categories are for the server's own reports
  if (others.length > 0) throw new ConfigError(at, `has ${others.length + 1} categories, and one is supported`);
  const { numerator = 0, denominator = 'HUNDRED' } = drop?.dropPercentage ?? {};
  const whole = knownPartsOf(denominator);
  if (whole === undefined || numerator > whole) throw new ConfigError(`${at}[0].drop_percentage`, 'is above 100%');
  return numerator / whole;
}

/** Reads a load assignment; `path` is its own. Throws ConfigError for an endpoint that cannot be used. */
export function readAssignment(assignment: ClusterLoadAssignment, path: string): Assignment {
  const { policy } = assignment;
  const dropShare = readDropShare(policy, path);
  return {
    endpoints: assignment.endpoints.flatMap((locality, i) => readLocality(locality, `${path}.endpoints[${i}]`)),
    overprovisioning: (policy?.overprovisioningFactor ?? 140) / 100,
    ...(dropShare === 0 ? {} : { dropShare }),
    ...(policy?.endpointStaleAfter === undefined
      ? {}
      : { staleAfterMs: positiveDurationMs(policy.endpointStaleAfter, 0, `${path}.policy.endpoint_stale_after`) }),
  };
}
