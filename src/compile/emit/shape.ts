/**
 * A service without its endpoints: all that listeners, routes and clusters depend on. While only endpoints come and
 * go the shape stays the same object, and so does everything compiled from it.
 */
import { formatSpiffeId } from '../../core/spiffe.ts';
import type { MeshSettings } from '../../model/mesh.ts';
import { isHttp, takesMutualTls, type Endpoint, type Service } from '../../model/service.ts';
import { listMapper, memoised } from './memo.ts';
import { trustDomainsOf } from './trust-domains.ts';

export interface ServiceShape extends Omit<Service, 'endpoints'> {
  /** SPIFFE URIs that its endpoints may have, sorted; empty where no endpoint is behind a proxy of the mesh. */
  readonly identities: readonly string[];
  /** True where every endpoint is behind a proxy of the mesh that takes its mTLS by itself. */
  readonly isAllMeshed: boolean;
  /** Endpoints where configuration other than EDS holds them: names to resolve, and headless services' opaque ports. */
  readonly pinned: readonly Endpoint[];
}

function identitiesOf(service: Service, trustDomains: readonly string[]): string[] {
  const found = new Set(service.subjectAltNames);
  for (const { namespace, serviceAccount, isMeshed } of service.endpoints) {
    // an address that was written without an account may be anyone's of the mesh
    if (!isMeshed || serviceAccount === '') continue;
    for (const trustDomain of trustDomains) found.add(formatSpiffeId({ trustDomain, namespace, serviceAccount }));
  }
  return [...found].toSorted();
}

function pinnedOf(service: Service): readonly Endpoint[] {
  const isResolved = service.resolution === 'dns' || service.resolution === 'dns-round-robin';
  const isDialledByAddress = service.isHeadless && service.ports.some((port) => !isHttp(port.protocol));
  return isResolved || isDialledByAddress ? service.endpoints : [];
}

interface Lineage {
  /** The last shape of each service, by namespace and host. */
  readonly last: Map<string, { text: string; shape: ServiceShape }>;
  readonly shapes: (services: readonly Service[]) => readonly ServiceShape[];
}

/** What lineages of meshes have had. */
const lineageOf = memoised((settings: MeshSettings): Lineage => ({
  last: new Map(),
  shapes: listMapper((service) => shapeOf(service, settings)),
}));

const shapeOf = memoised((service: Service, settings: MeshSettings): ServiceShape => {
  const { endpoints: _, ...rest } = service;
  const shape = {
    ...rest,
    identities: identitiesOf(service, trustDomainsOf(settings)),
    isAllMeshed: service.endpoints.length > 0 && service.endpoints.every(takesMutualTls),
    pinned: pinnedOf(service),
  };
  const text = JSON.stringify(shape);
  const { last } = lineageOf(settings);
  const key = `${service.namespace}/${service.hostname}/${service.origin.kind}/${service.origin.name}`;
  const former = last.get(key);
  if (former?.text === text) return former.shape;
  last.set(key, { text, shape });
  return shape;
});

/** Shapes of all services, in order; the same list while no shape changed. */
export const shapesOf = memoised((services: readonly Service[], settings: MeshSettings): readonly ServiceShape[] => {
  const lineage = lineageOf(settings);
  const shapes = lineage.shapes(services);
  if (lineage.last.size > 2 * shapes.length + 100) lineage.last.clear();
  return shapes;
});
