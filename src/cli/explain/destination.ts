/** What a client's URL leads to: the port, and the addresses that its DNS gives it. */
import { isIP } from 'node:net';
import type { Mesh } from '../../model/mesh.ts';
import { isHttp, type Service } from '../../model/service.ts';
import { resolverOf } from '../../wire/dns/name-table.ts';
import { CliError } from '../errors.ts';
import type { Target } from './asked.ts';
import type { Trail } from './explanation.ts';
import { hiddenFrom, hiderText } from './hidden.ts';
import type { ProxyConfig } from './proxy-config.ts';
import { hintOf } from './world.ts';

/** Stands for the address that a name outside the mesh has (RFC 5737). */
const SOMEWHERE = '203.0.113.1';

export interface Destination {
  /** As the client writes it. */
  readonly host: string;
  readonly port: number;
  readonly address: string;
  /** Of `Host`: with the port where the URL has it. */
  readonly authority: string;
}

const USUAL_PORTS: Readonly<Record<Target['scheme'], number>> = { http: 80, https: 443, grpc: 80, tcp: 0 };

/** Names that a client of `namespace` may call a service by. */
function isCalled({ hostname, name, namespace, endpoints }: Service, host: string, viewer: string, domain: string): boolean {
  if (hostname === host || `${hostname}.` === host) return true;
  if (hostname.startsWith('*.')) return host.endsWith(hostname.slice(1));
  if (hostname !== `${name}.${namespace}.svc.${domain}`) return false;
  const names = [hostname, `${name}.${namespace}`, `${name}.${namespace}.svc`, ...(namespace === viewer ? [name] : [])];
  if (names.includes(host)) return true;
  // one of its endpoints, where it is headless: db-0.db
  const [own = ''] = host.split('.', 1);
  return names.includes(host.slice(own.length + 1)) && endpoints.some((endpoint) => endpoint.hostname === own);
}

/** The service that `host` means to clients of `viewer`; undefined where it is none of the mesh's. */
export function serviceCalled({ services, settings }: Mesh, host: string, viewer: string): Service | undefined {
  const called = services.filter((service) => isCalled(service, host, viewer, settings.domainSuffix));
  return called.find(({ hostname }) => hostname === host) ?? called[0];
}

/** Throws where `host` can only be meant for the mesh, and the mesh does not have it. */
function refuseUnknown(mesh: Mesh, host: string, viewer: string): void {
  const { domainSuffix } = mesh.settings;
  const isOwn =
    !host.includes('.') || host.endsWith(`.${domainSuffix}`) || mesh.services.some(({ namespace }) => host.endsWith(`.${namespace}`));
  if (!isOwn || isIP(host) !== 0) return;
  const known = mesh.services.map(({ name, namespace, hostname }) => {
    if (hostname !== `${name}.${namespace}.svc.${domainSuffix}`) return hostname;
    return namespace === viewer ? name : `${name}.${namespace}`;
  });
  throw new CliError(`there is no service ${host} for clients in namespace ${viewer}`, hintOf(host, known));
}

/** The port of a URL, or where it names none the usual one, or the only fitting one of the service. */
function portOf({ scheme, port }: Target, service: Service | undefined, trail: Trail): number {
  if (port !== undefined) return port;
  const usual = USUAL_PORTS[scheme];
  if (service === undefined || service.ports.some(({ number }) => number === usual)) return usual;
  const fitting = service.ports.filter(({ protocol }) => protocol === 'auto' || isHttp(protocol) === (scheme !== 'https'));
  const [only] = fitting;
  if (only === undefined || fitting.length > 1) return usual;
  trail.add('name', `the URL names no port; ${service.name} has no port ${usual}, and ${only.number} is taken`, { source: only.origin });
  return only.number;
}

/** Says where a Sidecar hides the service that is called. */
function tellHidden(mesh: Mesh, { node }: ProxyConfig, service: Service, port: number, trail: Trail): void {
  const hidden = hiddenFrom(mesh, node, service, port);
  if (hidden === undefined) return;
  const where = hidden.isElsewhere ? `from the client at port ${port}` : 'from the client: it is called as if the mesh did not have it';
  trail.add('name', `${hiderText(hidden)} hides ${service.hostname} ${where}`, { source: hidden.origin });
}

/** Finds where the client of `config` in `viewer` connects to. Throws CliError for a name that only the mesh could have. */
export function destinationOf(mesh: Mesh, config: ProxyConfig | undefined, viewer: string, to: Target, trail: Trail): Destination {
  const service = serviceCalled(mesh, to.host, viewer);
  if (service === undefined) refuseUnknown(mesh, to.host, viewer);
  const port = portOf(to, service, trail);
  if (config !== undefined && service !== undefined) tellHidden(mesh, config, service, port, trail);
  const written = to.host.includes(':') ? `[${to.host}]` : to.host;
  // clients leave the usual port out
  const authority = port === USUAL_PORTS[to.scheme] ? written : `${written}:${port}`;
  if (isIP(to.host) !== 0) return { host: to.host, port, address: to.host, authority };
  const [address, ...others] = config === undefined ? [] : (resolverOf(config.names, viewer)(to.host, 'A') ?? []);
  if (address === undefined) {
    const text =
      service === undefined
        ? `${to.host} is none of the mesh's names: ${SOMEWHERE} stands for its address`
        : `${to.host} has no address in the mesh's DNS: ${SOMEWHERE} stands for it`;
    trail.add('name', text, { source: service?.origin });
    return { host: to.host, port, address: SOMEWHERE, authority };
  }
  const more = others.length === 0 ? '' : `, the first of ${others.length + 1}`;
  const whole = service === undefined || service.hostname === to.host ? '' : `${service.hostname}, `;
  trail.add('name', `${to.host} is ${whole}${address}${more}`, { source: service?.origin });
  return { host: to.host, port, address, authority };
}
