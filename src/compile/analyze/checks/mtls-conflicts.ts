/** What clients are told to speak, against what servers accept: DestinationRule against PeerAuthentication, port by port. */
import type { ClientTls, DestinationPolicy } from '../../../model/traffic-policy.ts';
import type { Endpoint, Service, ServicePort } from '../../../model/service.ts';
import { type EffectiveMode, mtlsModeOf } from '../../emit/peer-authentication.ts';
import { hostSpecificity } from '../../emit/hosts.ts';
import type { Check, Say } from '../finding.ts';
import { type PolicyBlock, policyBlocks } from '../routes.ts';
import { selects } from '../../../model/match.ts';
import type { World } from '../world.ts';

/** What an endpoint takes on a port; `NONE` where no proxy of the mesh is in front of it. */
type Accepted = EffectiveMode | 'NONE';

function acceptedBy(endpoint: Endpoint, port: ServicePort, { mesh, targets }: World): Accepted {
  if (!endpoint.isMeshed) return 'NONE';
  // what its ports take is written in Gateways
  if (endpoint.isGateway === true) return 'PERMISSIVE';
  const reached = endpoint.ports[port.name] ?? endpoint.ports[''] ?? port.number;
  const target = targets.find(({ namespace, addresses }) => namespace === endpoint.namespace && addresses.includes(endpoint.address));
  const number = target?.appPorts.get(reached) ?? reached;
  return mtlsModeOf(mesh.peerAuthentications, mesh.settings.rootNamespace, endpoint, number);
}

function conflictOf(mode: ClientTls['mode'], accepted: Accepted): 'TUL201' | 'TUL202' | undefined {
  if (mode === 'ISTIO_MUTUAL') return accepted === 'DISABLE' || accepted === 'NONE' ? 'TUL202' : undefined;
  return accepted === 'STRICT' ? 'TUL201' : undefined;
}

const WHY: Readonly<Record<Accepted, string>> = {
  NONE: 'has no proxy',
  DISABLE: 'has mutual TLS disabled',
  STRICT: 'accepts mutual TLS only (STRICT)',
  PERMISSIVE: '',
};

/** Ports that a block is for: those of a port's own settings are not the general block's. */
function portsOf(service: Service, { port }: PolicyBlock, policy: PolicyBlock['policy']): readonly ServicePort[] {
  return service.ports.filter(({ number }) => (port === undefined ? !policy.ports.has(number) : number === port));
}

function checkBlock(rule: DestinationPolicy, block: PolicyBlock, services: readonly Service[], world: World, say: Say): void {
  const { tls, origin } = block.policy;
  if (tls === undefined) return;
  const labels = rule.subsets.find(({ name }) => name === block.subset)?.labels ?? {};
  for (const service of services) {
    for (const port of portsOf(service, block, block.policy)) {
      for (const endpoint of service.endpoints) {
        if (!selects(labels, endpoint.labels)) continue;
        const accepted = acceptedBy(endpoint, port, world);
        const code = conflictOf(tls.mode, accepted);
        if (code === undefined) continue;
        const who = `${endpoint.namespace}/${endpoint.workload || endpoint.address}`;
        const message = `clients speak ${tls.mode} to port ${port.number} of "${service.hostname}", and ${who} ${WHY[accepted]}: connections fail`;
        say(code, world.documents.placeOf(origin, 'tls.mode'), message);
        return;
      }
    }
  }
}

/** Services for which no rule of the same namespace is more specific. */
function servicesFor(rule: DestinationPolicy, { mesh }: World): readonly Service[] {
  const rivals = mesh.destinationPolicies.filter(({ namespace }) => namespace === rule.namespace);
  return mesh.services.filter(({ hostname, isExternal }) => {
    const own = hostSpecificity(rule.host, hostname);
    return own >= 0 && !isExternal && !rivals.some(({ host }) => hostSpecificity(host, hostname) > own);
  });
}

export const mtlsConflicts: Check = {
  name: 'mtls-conflicts',
  looksAt: ['DestinationRule', 'PeerAuthentication', 'Workload'],
  codes: ['TUL201', 'TUL202'],
  run(world, say) {
    for (const rule of world.mesh.destinationPolicies) {
      const blocks = policyBlocks(rule).filter(({ policy }) => policy.tls !== undefined);
      if (blocks.length === 0) continue;
      const services = servicesFor(rule, world);
      for (const block of blocks) checkBlock(rule, block, services, world, say);
    }
  },
};
