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

/** The service's own addresses, or, where it is headless, those of its ready endpoints. */
function addressesOf(service: Service): string[] {
  const own = service.addresses.filter(isAddress);
  if (own.length > 0 || service.resolution !== 'static') return own;
  const endpoints = service.endpoints.filter((endpoint) => endpoint.isReady).map((endpoint) => endpoint.address);
  return [...new Set(endpoints.filter(isAddress))];
}

function infoOf(service: Service, ips: string[], domainSuffix: string): NameTable_NameInfo {
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
export function nameTableOf(services: Iterable<Service>, settings: Mesh['settings']): NameTable {
  const table: Record<string, NameTable_NameInfo> = {};
  for (const service of services) {
    if (Object.hasOwn(table, service.hostname)) continue;
    const ips = addressesOf(service);
    if (ips.length > 0) table[service.hostname] = infoOf(service, ips, settings.domainSuffix);
  }
  return create(NameTableSchema, { table });
}
