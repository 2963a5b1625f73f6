/** Endpoints of every service in a scope. Where the endpoints of one change, only its assignments are made anew. */
import type { Mesh } from '../../model/mesh.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import { replaceResources } from '../../xds/difference.ts';
import { type ChangedServices, followed } from './changed-services.ts';
import { effectivePolicy, type PortPolicy, portPolicy } from './destination-policy.ts';
import { endpointsOf } from './endpoints.ts';
import { originateIn } from './hbone-outbound.ts';
import { memoised } from './memo.ts';
import { nearnessIn } from './nearness.ts';
import { byName, type CompiledResource, type ResourceMap } from './resource.ts';
import { type Scope, unrouted } from './scope.ts';
import { serviceKey, servicesByKey } from './service-key.ts';
import type { ServiceShape } from './shape.ts';
import { traced } from './trace.ts';
import type { Subset } from '../../model/traffic-policy.ts';

/** The ports of `shape`, as `service` has them: a Sidecar may show some of them only. */
function portsOf(service: Service, shape: ServiceShape): readonly ServicePort[] {
  if (shape.ports.length === service.ports.length) return service.ports;
  return service.ports.filter(({ number }) => shape.ports.some((port) => port.number === number));
}

/** What is asked of a service's endpoints: an assignment for each port, and for each subset of it. */
interface Plan {
  readonly shape: ServiceShape;
  readonly assignments: readonly {
    readonly port: number;
    readonly subset: Subset | undefined;
    readonly policy: PortPolicy;
    readonly originate: string | undefined;
  }[];
}

type Plans = ReadonlyMap<string, Plan>;

function planOf(scope: Scope, shape: ServiceShape): Plan {
  const effective = effectivePolicy(scope, shape);
  const assignments = shape.ports.flatMap((port) =>
    [undefined, ...effective.subsets].map((subset) => ({
      port: port.number,
      subset,
      policy: portPolicy(effective, subset, port.number),
      originate: originateIn(scope, shape, port, subset),
    })),
  );
  return { shape, assignments };
}

/** Plans by host: the same while only a scope's routes change. */
const plansFrom = traced((scope: Scope, services: Scope['services']): Plans => {
  const plans = new Map<string, Plan>();
  for (const [host, shape] of services) if (shape.resolution === 'static') plans.set(host, planOf(scope, shape));
  return plans;
});

const plansIn = memoised((scope: Scope) => plansFrom(scope, scope.services));
const plansOf = memoised((scope: Scope) => plansIn(unrouted(scope)));

type Assignments = (services: readonly Service[]) => ResourceMap;

const assignmentsIn = memoised(
  (
    plans: Plans,
    client: Scope['client'],
    settings: Mesh['settings'],
    peerAuthentications: Mesh['peerAuthentications'],
    policies: Mesh['authorizationPolicies'],
  ): Assignments => {
    const assignmentsOf = (service: Service | undefined, { shape, assignments }: Plan): CompiledResource[] => {
      if (service === undefined) return [];
      return portsOf(service, shape).flatMap((port) =>
        assignments.flatMap(({ port: number, subset, policy, originate }) => {
          if (number !== port.number) return [];
          // without the mesh's own outlier detection, which istiod does not ask for the places of endpoints
          const nearness = nearnessIn({ client, settings }, policy);
          return [endpointsOf(service, port, subset, peerAuthentications, settings, policies, originate, nearness)];
        }),
      );
    };
    const make = (services: readonly Service[]): ResourceMap => {
      const byKey = servicesByKey(services);
      return byName([...plans.values()].flatMap((plan) => assignmentsOf(byKey.get(serviceKey(plan.shape)), plan)));
    };
    /** The plans being the same, services are the same but for their endpoints. */
    const follow = (former: ResourceMap, { now }: ChangedServices): ResourceMap | undefined => {
      const resources = now.flatMap((service) => {
        const plan = plans.get(service.hostname);
        return plan !== undefined && serviceKey(plan.shape) === serviceKey(service) ? assignmentsOf(service, plan) : [];
      });
      if (resources.length === 0) return former;
      if (resources.some(({ name }) => !former.has(name))) return undefined;
      return replaceResources(former, resources);
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
  return assignmentsIn(plansOf(scope), scope.client, scope.settings, peerAuthentications, policies)(services);
}
