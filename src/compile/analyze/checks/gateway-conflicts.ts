/** Gateways of one workload that open a port for the same host, or show the same certificate. */
import type { Gateway, GatewayServer } from '../../../model/gateway.ts';
import type { Check, Say } from '../finding.ts';
import type { World } from '../world.ts';
import { selects } from '../../../model/match.ts';

interface Bound {
  readonly gateway: Gateway;
  readonly server: GatewayServer;
}

/** True where some workload follows both; where none is known, where the selectors are equal. */
function areTogether(a: Gateway, b: Gateway, { targets }: World): boolean {
  if (JSON.stringify(a.selector) === JSON.stringify(b.selector)) return true;
  return targets.some(({ isGateway, labels }) => isGateway && selects(a.selector, labels) && selects(b.selector, labels));
}

/** Hosts of a server by the namespaces that it lets in. */
function sharedHost(a: GatewayServer, b: GatewayServer): string | undefined {
  return a.hosts.find((host) => b.hosts.includes(host));
}

function checkHosts(pairs: readonly Bound[], world: World, say: Say): void {
  const byPort = Map.groupBy(pairs, ({ server }) => `${server.bind}|${server.port.number}`);
  for (const bound of byPort.values()) {
    for (const [index, { gateway, server }] of bound.entries()) {
      const older = bound.slice(0, index).find((other) => {
        return other.gateway !== gateway && sharedHost(other.server, server) !== undefined && areTogether(other.gateway, gateway, world);
      });
      if (older === undefined) continue;
      const host = (sharedHost(older.server, server) ?? '').replace(/^\*\//, '');
      const other = `${older.gateway.namespace}/${older.gateway.name}`;
      say(
        'IST0145',
        server.origin,
        `"${host}" on port ${server.port.number} is opened by Gateway ${other} already, which is older: of its settings for TLS those count`,
      );
    }
  }
}

function checkCertificates(pairs: readonly Bound[], world: World, say: Say): void {
  const names = new Set(pairs.flatMap(({ server }) => server.tls?.credentialNames ?? []));
  for (const name of names) {
    const bound = pairs.filter(({ server }) => server.tls?.credentialNames.includes(name));
    for (const [index, { gateway, server }] of bound.entries()) {
      const older = bound
        .slice(0, index)
        .find(
          (other) =>
            other.gateway !== gateway && other.server.port.number === server.port.number && areTogether(other.gateway, gateway, world),
        );
      if (older === undefined || sharedHost(older.server, server) !== undefined) continue;
      const message = `Gateway ${older.gateway.namespace}/${older.gateway.name} shows the certificate "${name}" too: a browser sends requests for both hosts over one connection, and those for the other host are answered with 404`;
      say('IST0138', server.origin, message);
    }
  }
}

export const gatewayConflicts: Check = {
  name: 'gateway-conflicts',
  looksAt: ['Gateway'],
  codes: ['IST0138', 'IST0145'],
  run(world, say) {
    const pairs = world.mesh.gateways.flatMap((gateway) => gateway.servers.map((server) => ({ gateway, server })));
    checkHosts(pairs, world, say);
    checkCertificates(pairs, world, say);
  },
};
