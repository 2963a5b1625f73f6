/**
 * Places without namespaces, for everybody and for macOS: all instances share the loopback address, so each has
 * ports of its own, and applications reach the mesh through HTTP_PROXY and one loopback port for each upstream.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Workload } from '../../model/workload.ts';
import { CliError } from '../errors.ts';
import type { Ground, Place, PlacedPort } from './place.ts';

const LOOPBACK = '127.0.0.1';

/** True where nothing listens on the loopback port. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function freePort(taken: ReadonlySet<number>): Promise<number> {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  server.close();
  await once(server, 'close');
  return taken.has(port) ? freePort(taken) : port;
}

function checkPorts(workload: Workload): void {
  if (workload.upstreams.length === 0) return;
  const seen = new Set<number>();
  for (const { localPort } of workload.upstreams) {
    if (seen.has(localPort))
      throw new CliError(
        `${workload.origin.file}:${workload.origin.line}: two upstreams of Workload ${workload.name} have the local port ${localPort}`,
      );
    seen.add(localPort);
  }
}

/** The ports that this process has given away. */
class Ports {
  readonly #taken = new Set<number>();

  async any(): Promise<number> {
    const port = await freePort(this.#taken);
    this.#taken.add(port);
    return port;
  }

  /** True where `port` was free and is now taken. */
  async take(port: number): Promise<boolean> {
    if (this.#taken.has(port)) return false;
    this.#taken.add(port); // before the wait, or two could be told that it is free
    if (await isFree(port)) return true;
    this.#taken.delete(port);
    return false;
  }

  release(ports: readonly number[]): void {
    for (const port of ports) this.#taken.delete(port);
  }
}

function upstreamTaken(workload: Workload, localPort: number): CliError {
  return new CliError(
    `port ${localPort} on ${LOOPBACK}, an upstream of Workload ${workload.namespace}/${workload.name} (${workload.origin.file}:${workload.origin.line}), is in use`,
    'give each workload upstreams with local ports of their own, and run one replica of it in explicit mode',
  );
}

async function placePorts(workload: Workload, ports: Ports): Promise<PlacedPort[]> {
  const placed: PlacedPort[] = [];
  for (const port of workload.ports) {
    const appPort = (await ports.take(port.number)) ? port.number : await ports.any();
    placed.push({ ...port, listen: await ports.any(), ...(appPort === port.number ? {} : { appPort }) });
  }
  return placed;
}

/** Where an application is told to listen. */
function portOf([first]: readonly PlacedPort[]): Record<string, string> {
  return first === undefined ? {} : { PORT: String(first.appPort ?? first.number) };
}

function environment(placed: readonly PlacedPort[], httpProxyPort: number): Record<string, string> {
  const proxy = `http://${LOOPBACK}:${httpProxyPort}`;
  const direct = 'localhost,127.0.0.1,::1';
  return {
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    NO_PROXY: direct,
    no_proxy: direct,
    // Node 24 heeds the four above only where told to
    NODE_USE_ENV_PROXY: '1',
    ...portOf(placed),
  };
}

/** The ground of explicit mode. */
export function explicitGround(): Ground {
  const ports = new Ports();
  return {
    mode: 'explicit',
    async place(workload): Promise<Place> {
      checkPorts(workload);
      for (const { localPort } of workload.upstreams) {
        if (!(await ports.take(localPort))) throw upstreamTaken(workload, localPort);
      }
      const isGateway = workload.role === 'router';
      const placed = isGateway ? [] : await placePorts(workload, ports);
      const httpProxyPort = await ports.any();
      const hbonePort = isGateway || !workload.isMeshed ? undefined : await ports.any();
      const held = [
        httpProxyPort,
        ...(hbonePort === undefined ? [] : [hbonePort]),
        ...workload.upstreams.map(({ localPort }) => localPort),
        ...placed.flatMap((port) => [port.listen, port.appPort ?? port.number]),
      ];
      const upstreams = workload.upstreams.map(({ host, port, localPort }) => ({ host, port, localPort }));
      return {
        addresses: [LOOPBACK],
        ports: placed,
        hbonePort,
        metadata: { INTERCEPTION_MODE: 'NONE' },
        tulleMetadata: isGateway ? {} : { explicit: { httpProxyPort, upstreams } },
        env: workload.isMeshed ? environment(placed, httpProxyPort) : portOf(placed),
        proxyGid: undefined,
        start: (action) => action(),
        async connect(port, timeoutMs) {
          const number = placed.find((candidate) => candidate.number === port)?.appPort ?? port;
          const socket = connect({ port: number, host: LOOPBACK, timeout: timeoutMs });
          await Promise.race([once(socket, 'connect'), once(socket, 'timeout').then(() => Promise.reject(new Error('timed out')))]);
          return socket;
        },
        release: () => ports.release(held),
      };
    },
  };
}
