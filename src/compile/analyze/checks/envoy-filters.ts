/** EnvoyFilters that do nothing, whose order is chance, or that proxies refuse. */
import type { ConfigPatch, EnvoyFilter } from '../../../model/envoy-filter.ts';
import { type ProxyNode, tellPatches } from '../../compile.ts';
import { OPERATIONS } from '../../envoy/operations.ts';
import { patchSchema, readPatchValue } from '../../envoy/patch-value.ts';
import type { Check, Say } from '../finding.ts';
import type { Target, World } from '../world.ts';

const NOBODY = 'no workload that it could be for has these labels: the EnvoyFilter does nothing';

/** Operations that stand beside, replace or remove what is there when their turn comes. */
const RELATIVE: readonly string[] = ['INSERT_BEFORE', 'INSERT_AFTER', 'REPLACE', 'REMOVE'];
const USELESS = { REPLACE: 'IST0152', ADD: 'IST0153', REMOVE: 'IST0154' } as const;

function isUseless({ applyTo, operation }: ConfigPatch): boolean {
  return !OPERATIONS[applyTo].includes(operation);
}

function isUselessWord(operation: string): operation is keyof typeof USELESS {
  return Object.hasOwn(USELESS, operation);
}

/** Of filters and routes; other lists have no order. */
const ORDERED: readonly string[] = ['HTTP_FILTER', 'NETWORK_FILTER', 'LISTENER_FILTER', 'HTTP_ROUTE'];

function checkOperation({ priority }: EnvoyFilter, patch: ConfigPatch, say: Say): void {
  const { applyTo, operation, origin, proxy } = patch;
  if (isUseless(patch)) {
    if (isUselessWord(operation)) say(USELESS[operation], origin, `${operation} of ${applyTo} does nothing: proxies stay as they are`);
    else say('TUL231', origin, `${operation} of ${applyTo} does nothing: proxies stay as they are`);
    return;
  }
  if (priority !== 0 || !RELATIVE.includes(operation) || !ORDERED.includes(applyTo)) return;
  say('IST0151', origin, `${operation} stands beside what other patches make, and no priority says which is first`);
  if (proxy !== undefined && proxy.version !== '')
    say('IST0155', origin, `${operation} is for certain versions of proxies: others get none of it`);
}

/** The proxy that a workload would have where traffic is intercepted. */
function nodeOf(target: Target): ProxyNode {
  const { name, namespace, labels, serviceAccount, addresses, isGateway, appPorts } = target;
  const listens = new Map([...appPorts].map(([listen, number]) => [number, listen]));
  return {
    id: `${name}.${namespace}`,
    role: isGateway ? 'router' : 'sidecar',
    namespace,
    labels,
    metadata: {},
    serviceAccount,
    workload: name,
    addresses,
    locality: '',
    userAgent: 'tulle',
    interception: 'REDIRECT',
    ports: target.ports.map((port) => ({ ...port, listen: listens.get(port.number) ?? port.number, appPort: port.number })),
    explicit: undefined,
    isOnDemand: false,
    hasHostsOnDemand: false,
  };
}

/** Patches that change something of some workload's proxy. */
function effective({ mesh, targets }: World): ReadonlySet<ConfigPatch> {
  const found = new Set<ConfigPatch>();
  for (const target of targets) if (target.isMeshed) tellPatches(mesh, nodeOf(target), (patch) => found.add(patch));
  return found;
}

function checkEffect(patch: ConfigPatch, isEffective: boolean, say: Say): void {
  if (isEffective || isUseless(patch)) return;
  const { applyTo, operation, origin, proxy } = patch;
  if (proxy === undefined) say('TUL231', origin, `${operation} of ${applyTo}: no proxy of the mesh has what it matches`);
  else if (proxy.version !== '')
    say('TUL231', origin, `${operation} of ${applyTo} is for Istio's proxies of certain versions: Tulle's have none, and do not get it`, {
      severity: 'info',
    });
}

/** What Tulle's proxies refuse; a patch that names its proxies may be for others. */
function checkValue(patch: ConfigPatch, { documents, mesh, refusedByProxy }: World, say: Say): void {
  const { applyTo, value, origin, proxy } = patch;
  if (value === undefined || proxy !== undefined || refusedByProxy === undefined) return;
  const isDefined = (name: unknown): boolean =>
    mesh.envoyFilters.some(({ patches }) => patches.some((one) => one.applyTo === 'EXTENSION_CONFIG' && one.value?.['name'] === name));
  for (const { path, reason } of refusedByProxy(patchSchema(applyTo), readPatchValue(applyTo, value).message)) {
    if (path === 'config_discovery' && isDefined(value['name'])) continue;
    const at = documents.placeOf(origin, `patch.value.${path}`);
    say('TUL232', at, `${path}: ${reason}; its proxies refuse what has it, and go on with what they had`);
  }
}

export const envoyFilters: Check = {
  name: 'envoy-filters',
  looksAt: ['EnvoyFilter', 'Workload'],
  codes: ['IST0127', 'IST0151', 'IST0152', 'IST0153', 'IST0154', 'IST0155', 'TUL231', 'TUL232'],
  run(world, say) {
    const { mesh, targets } = world;
    if (mesh.envoyFilters.length === 0) return;
    const found = targets.length === 0 ? undefined : effective(world);
    for (const filter of mesh.envoyFilters) {
      const isForSome = filter.gateways !== undefined || world.targetsOf(filter.namespace, filter.selector).length > 0;
      if (targets.length > 0 && !isForSome) say('IST0127', world.documents.placeOf(filter.origin, 'spec.workloadSelector'), NOBODY);
      for (const patch of filter.patches) {
        checkOperation(filter, patch, say);
        checkValue(patch, world, say);
        if (found !== undefined && isForSome) checkEffect(patch, found.has(patch), say);
      }
    }
  },
};
