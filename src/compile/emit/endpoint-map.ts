/** Endpoints of every service in a scope. Where the endpoints of one change, only its assignments are made anew. */
import type { Mesh } from '../../model/mesh.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import { type ChangedServices, followed } from './changed-services.ts';
import { effectivePolicy, portPolicy } from './destination-policy.ts';
import { endpointsOf } from './endpoints.ts';
import { originateIn } from './hbone-outbound.ts';
import { memoised } from './memo.ts';
import { nearnessIn } from './nearness.ts';
import { byName, type CompiledResource, type ResourceMap } from './resource.ts';
import type { Scope } from './scope.ts';
import { serviceKey, servicesByKey } from './service-key.ts';
import type { ServiceShape } from './shape.ts';

/** The ports of `shape`, as `service` has them: a Sidecar may show some of them only. */
function portsOf(service: Service, shape: ServiceShape): readonly ServicePort[] {
  if (shape.ports.length === service.ports.length) return service.ports;
  return service.ports.filter(({ number }) => shape.ports.some((port) => port.number === number));
}

type Assignments = (services: readonly Service[]) => ResourceMap;

const assignmentsIn = memoised(
  (scope: Scope, peerAuthentications: Mesh['peerAuthentications'], policies: Mesh['authorizationPolicies']): Assignments => {
    const assignmentsOf = (service: Service | undefined, shape: ServiceShape): CompiledResource[] => {
      if (service === undefined || service.resolution !== 'static') return [];
      const effective = effectivePolicy(scope, shape);
      return portsOf(service, shape).flatMap((port) =>
        [undefined, ...effective.subsets].map((subset) => {
          const nearness = nearnessIn(scope, portPolicy(effective, subset, port.number));
          const originate = originateIn(scope, shape, port, subset);
          return endpointsOf(service, port, subset, peerAuthentications, scope.settings, policies, originate, nearness);
        }),
      );
    };
    const make = (services: readonly Service[]): ResourceMap => {
      const byKey = servicesByKey(services);
      return byName([...scope.services.values()].flatMap((shape) => assignmentsOf(byKey.get(serviceKey(shape)), shape)));
    };
    /** The scope being the same, services are the same but for their endpoints. */
    const follow = (former: ResourceMap, { now }: ChangedServices): ResourceMap | undefined => {
      const resources = now.flatMap((service) => {
        const shape = scope.services.get(service.hostname);
        return shape !== undefined && serviceKey(shape) === serviceKey(service) ? assignmentsOf(service, shape) : [];
      });
      if (resources.length === 0) return former;
      if (resources.some(({ name }) => !former.has(name))) return undefined;
      return new Map([...former, ...resources.map((resource): [string, CompiledResource] => [resource.name, resource])]);
    };
    return followed(make, follow);
  },
);

/** The endpoints that proxies of `scope` get, `services` being those of the mesh that the scope is of. */
export function endpointMap(
  scope: Scope,
  services: readonly Service[],
  peerAuthentications: Mesh['peerAuthentications'],
  policies: Mesh['authorizationPolicies'],
): ResourceMap {
  return assignmentsIn(scope, peerAuthentications, policies)(services);
}
