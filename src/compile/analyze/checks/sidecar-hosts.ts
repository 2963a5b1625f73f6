/** Sidecars whose hosts and ports are not those that the mesh has. */
import type { EgressHost, EgressListener, Sidecar } from '../../../model/sidecar.ts';
import type { Service } from '../../../model/service.ts';
import { hostSpecificity, isExported } from '../../emit/hosts.ts';
import { importsOf, sidecarFor } from '../../emit/imports.ts';
import { shapesOf } from '../../emit/shape.ts';
import type { Check, Say } from '../finding.ts';
import type { Target, World } from '../world.ts';

/** Where the root namespace's own has its `.` nothing can be said: it is another namespace for each workload. */
function isJudged({ namespace }: EgressHost, sidecar: Sidecar, world: World): boolean {
  return namespace !== '.' || sidecar.namespace !== world.mesh.settings.rootNamespace;
}

function isMeant(host: EgressHost, sidecar: Sidecar, { namespace, hostname, exportTo }: Service, isForAll: boolean): boolean {
  const wanted = host.namespace === '.' ? sidecar.namespace : host.namespace;
  if (wanted !== '*' && wanted !== namespace) return false;
  if (!isForAll && !isExported(exportTo, namespace, sidecar.namespace)) return false;
  return hostSpecificity(host.host, hostname) >= 0;
}

/** Hosts that only a VirtualService has are shown by its namespace. */
function isRouted(host: EgressHost, sidecar: Sidecar, world: World): boolean {
  const wanted = host.namespace === '.' ? sidecar.namespace : host.namespace;
  const sets = world.mesh.routes.filter(({ namespace }) => wanted === '*' || wanted === namespace);
  return sets.some(({ hosts }) => hosts.some((own) => hostSpecificity(host.host, own) >= 0 || hostSpecificity(own, host.host) >= 0));
}

function isForAll(sidecar: Sidecar, { mesh }: World): boolean {
  return sidecar.namespace === mesh.settings.rootNamespace && sidecar.selector === undefined;
}

function servicesAt(listener: EgressListener, sidecar: Sidecar, world: World): readonly Service[] {
  const all = isForAll(sidecar, world);
  return world.mesh.services.filter((service) => listener.hosts.some((host) => !host.isExcluded && isMeant(host, sidecar, service, all)));
}

/** A star says "whatever is there", which may be nothing yet. */
function isOpen({ namespace, host }: EgressHost): boolean {
  return host === '*' && (namespace === '*' || namespace === '.');
}

function checkHosts(listener: EgressListener, sidecar: Sidecar, world: World, say: Say): void {
  for (const [index, host] of listener.hosts.entries()) {
    if (isOpen(host) || !isJudged(host, sidecar, world) || isRouted(host, sidecar, world)) continue;
    const all = isForAll(sidecar, world);
    if (world.mesh.services.some((service) => isMeant(host, sidecar, service, all))) continue;
    const place = world.documents.placeOf(listener.origin, `hosts[${index}]`);
    const written = `${host.isExcluded ? '~' : ''}${host.namespace}/${host.host}`;
    const elsewhere = world.mesh.services.find(({ hostname }) => hostname === host.host);
    const hint =
      elsewhere === undefined ? '' : `: the host is in namespace ${elsewhere.namespace}, exported to ${elsewhere.exportTo.join(', ')}`;
    const effect = host.isExcluded ? 'it hides nothing' : 'requests to it go the way of unknown hosts';
    say('TUL225', place, `"${written}" names nothing that the workloads could see, so that ${effect}${hint}`);
  }
}

function checkPort(listener: EgressListener, sidecar: Sidecar, world: World, say: Say): void {
  const { port, hosts } = listener;
  if (port === undefined || port.number === 0 || port.protocol === 'http-proxy') return;
  if (hosts.some((host) => !isJudged(host, sidecar, world))) return;
  const services = servicesAt(listener, sidecar, world);
  const numbers = new Set(services.flatMap(({ ports }) => ports.map(({ number }) => number)));
  if (services.length === 0 || numbers.has(port.number)) return;
  const some = [...numbers].toSorted((a, b) => a - b).slice(0, 5);
  const place = world.documents.placeOf(listener.origin, 'port.number');
  say('TUL226', place, `no host of the listener has port ${port.number} (they have ${some.join(', ')}): it is not opened`);
}

function seenBy(target: Pick<Target, 'namespace' | 'labels'>, { mesh }: World, sidecar: Sidecar) {
  return importsOf(shapesOf(mesh.services, mesh.settings), mesh.routes, target.namespace, sidecar);
}

function checkEgressProxy(sidecar: Sidecar, world: World, say: Say): void {
  const proxy = sidecar.outboundTrafficPolicy?.egressProxy;
  if (proxy === undefined || isForAll(sidecar, world)) return;
  const service = seenBy({ namespace: sidecar.namespace, labels: {} }, world, sidecar).services.get(proxy.host);
  if (service?.ports.some(({ number }) => number === proxy.port) === true) return;
  const why = service === undefined ? 'is not among the hosts that the Sidecar shows' : `has no port ${proxy.port}`;
  const place = world.documents.placeOf(sidecar.origin, 'spec.outboundTrafficPolicy.egressProxy');
  say('TUL228', place, `"${proxy.host}" ${why}: calls of unknown hosts are answered with 503`);
}

function checkUpstreams(world: World, say: Say): void {
  const { mesh } = world;
  for (const { namespace, labels, role, upstreams, origin } of mesh.workloads) {
    const sidecar = sidecarFor(mesh.sidecars, mesh.settings.rootNamespace, { namespace, labels, role });
    if (sidecar === undefined) continue;
    const seen = seenBy({ namespace, labels }, world, sidecar).visible.called;
    for (const [index, { host, localPort }] of upstreams.entries()) {
      if (seen.has(host) || world.servicesOf(host).length === 0) continue;
      const place = world.documents.placeOf(origin, `spec.upstreams[${index}].host`);
      const by = `Sidecar ${sidecar.namespace}/${sidecar.name}`;
      say('TUL227', place, `${by} does not show "${host}" to this workload: connections to 127.0.0.1:${localPort} are refused`);
    }
  }
}

export const sidecarHosts: Check = {
  name: 'sidecar-hosts',
  looksAt: ['Sidecar', 'Service', 'ServiceEntry', 'VirtualService', 'Workload'],
  codes: ['TUL225', 'TUL226', 'TUL227', 'TUL228'],
  run(world, say) {
    for (const sidecar of world.mesh.sidecars) {
      for (const listener of sidecar.egress) {
        checkHosts(listener, sidecar, world, say);
        checkPort(listener, sidecar, world, say);
      }
      checkEgressProxy(sidecar, world, say);
    }
    checkUpstreams(world, say);
  },
};
