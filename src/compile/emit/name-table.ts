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
  readonly endpoints: readonly Pick<Service['endpoints'][number], 'address' | 'isReady'>[];
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

function infoOf(service: NamedService, ips: string[], domainSuffix: string): NameTable_NameInfo {
  const isKubernetes = service.hostname === `${service.name}.${service.namespace}.svc.${domainSuffix}`;
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
  }
  return create(NameTableSchema, { table });
}
