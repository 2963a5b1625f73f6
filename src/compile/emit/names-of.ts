/** Name tables of namespaces and of views. They follow addresses, and endpoints only where these are a service's addresses. */
import type { MeshSettings } from '../../model/mesh.ts';
import type { Service } from '../../model/service.ts';
import { NameTableSchema } from '../../xds/gen/istio/networking/nds/v1/nds_pb.ts';
import { share } from '../dialects/build/share.ts';
import { isExported } from './hosts.ts';
import type { View } from './imports.ts';
import { listMapper, memoised } from './memo.ts';
import { hasOwnAddress, type NamedService, nameTableOf } from './name-table.ts';
import { byName, resourceOf, type ResourceMap } from './resource.ts';
import { serviceKey, servicesByKey } from './service-key.ts';

/** What names need of the services of a lineage of meshes: the same objects while it is the same. */
interface Lineage {
  readonly last: Map<string, NamedService>;
  readonly named: (services: readonly Service[]) => readonly NamedService[];
}

const lineageOf = memoised((settings: MeshSettings): Lineage => ({
  last: new Map(),
  named: listMapper((service) => namedService(service, settings)),
}));

function endpointNamed({ address, hostname, isReady }: Service['endpoints'][number]): NamedService['endpoints'][number] {
  return { address, isReady, ...(hostname === undefined ? {} : { hostname }) };
}

const namedService = memoised((service: Service, settings: MeshSettings): NamedService => {
  const { last } = lineageOf(settings);
  const { hostname, name, namespace, addresses, resolution, exportTo, origin } = service;
  const endpoints = hasOwnAddress(service) ? [] : service.endpoints.map(endpointNamed);
  const key = serviceKey(service);
  const named = share(last.get(key), { hostname, name, namespace, addresses, resolution, exportTo, origin, endpoints });
  last.set(key, named);
  return named;
});

/** The services as name tables see them. */
export const namedServices = memoised((services: readonly Service[], settings: MeshSettings): readonly NamedService[] => {
  const lineage = lineageOf(settings);
  const named = lineage.named(services);
  if (lineage.last.size > 2 * named.length + 100) lineage.last.clear();
  return named;
});

function tableOf(services: readonly NamedService[], settings: MeshSettings): ResourceMap {
  return byName([resourceOf(NameTableSchema, '', nameTableOf(services, settings))]);
}

/** The table of a namespace whose proxies see all that is exported to it. */
export const namesFor = memoised((services: readonly NamedService[], settings: MeshSettings, namespace: string): ResourceMap =>
  tableOf(
    services.filter((service) => isExported(service.exportTo, service.namespace, namespace)),
    settings,
  ),
);

/** The table of those who see `visible`, which a Sidecar says. */
export const namesIn = memoised((visible: View, services: readonly NamedService[], settings: MeshSettings): ResourceMap => {
  const known = servicesByKey(services);
  return tableOf(
    [...visible.called.values()].map((shape) => known.get(serviceKey(shape))).filter((service) => service !== undefined),
    settings,
  );
});
