/** The names that a proxy's DNS answers for its application, as istiod's name discovery service sends them. */
import { create } from '@bufbuild/protobuf';
import type { Mesh } from '../../model/mesh.ts';
import type { Service } from '../../model/service.ts';
import type { NameTable, NameTable_NameInfo } from '../../xds/gen/istio/networking/nds/v1/nds_pb.ts';
import { NameTable_NameInfoSchema, NameTableSchema } from '../../xds/gen/istio/networking/nds/v1/nds_pb.ts';

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;

function isAddress(text: string): boolean {
  return !text.includes('/') && (IPV4.test(text) || text.includes(':'));
}

/** What is known of a service by its names. */
export interface NamedService extends Pick<
  Service,
  'hostname' | 'name' | 'namespace' | 'addresses' | 'resolution' | 'exportTo' | 'origin'
> {
  readonly endpoints: readonly Pick<Service['endpoints'][number], 'address' | 'hostname' | 'isReady'>[];
}

/** True where names lead to the service, whatever its endpoints are. */
export function hasOwnAddress({ addresses, resolution }: Pick<Service, 'addresses' | 'resolution'>): boolean {
  return resolution !== 'static' || addresses.some(isAddress);
}

/** The service's own addresses, or, where it is headless, those of its ready endpoints. */
function addressesOf(service: NamedService): string[] {
  if (hasOwnAddress(service)) return service.addresses.filter(isAddress);
  const endpoints = service.endpoints.filter((endpoint) => endpoint.isReady).map((endpoint) => endpoint.address);
  return [...new Set(endpoints.filter(isAddress))];
}

function isOfKubernetes({ hostname, name, namespace }: NamedService, domainSuffix: string): boolean {
  return hostname === `${name}.${namespace}.svc.${domainSuffix}`;
}

/** What single endpoints of a headless service are called: `db-0.db.shop.svc.cluster.local`. */
function endpointNames(service: NamedService, domainSuffix: string): (readonly [host: string, info: NameTable_NameInfo])[] {
  if (hasOwnAddress(service) || !isOfKubernetes(service, domainSuffix)) return [];
  const { hostname: host, name, namespace, endpoints } = service;
  return endpoints.flatMap(({ address, hostname, isReady }) => {
    if (hostname === undefined || !isReady || !isAddress(address)) return [];
    const info = { ips: [address], registry: 'Kubernetes', shortname: `${hostname}.${name}`, namespace };
    return [[`${hostname}.${host}`, create(NameTable_NameInfoSchema, info)] as const];
  });
}

function infoOf(service: NamedService, ips: string[], domainSuffix: string): NameTable_NameInfo {
  const isKubernetes = isOfKubernetes(service, domainSuffix);
  return create(NameTable_NameInfoSchema, {
    ips,
    registry: isKubernetes ? 'Kubernetes' : 'External',
    shortname: isKubernetes ? service.name : '',
    namespace: service.namespace,
  });
}

/**
 * The table of applications that see `services`, those of them that have an address. Of several for a host the first wins.
 */
export function nameTableOf(services: Iterable<NamedService>, settings: Mesh['settings']): NameTable {
  const table: Record<string, NameTable_NameInfo> = {};
  for (const service of services) {
    if (Object.hasOwn(table, service.hostname)) continue;
    const ips = addressesOf(service);
    if (ips.length > 0) table[service.hostname] = infoOf(service, ips, settings.domainSuffix);
    for (const [host, info] of endpointNames(service, settings.domainSuffix)) table[host] = info;
  }
  return create(NameTableSchema, { table });
}
