/**
 * What a Prometheus scrapes here: the proxies of this machine listen on Unix sockets, which it cannot reach, so that their
 * metrics are handed on under `/metrics/<proxy>`, and `/api/prometheus/targets` says which there are, as its `http_sd`
 * asks for it. https://prometheus.io/docs/prometheus/latest/http_sd/
 */
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { pipeline } from 'node:stream';
import { messageOf, ProtocolError } from '../../core/errors.ts';
import { proxyNameOf } from '../../model/node-id.ts';
import { decodedPart, type Exchange } from '../admin/exchange.ts';
import { proxyAdminSocket } from '../proxy-socket.ts';

/** One group of targets with the same labels. */
interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 10_000;

function socketOf(stateDir: string, name: string): string | undefined {
  const socket = proxyAdminSocket(stateDir, name);
  return socket !== undefined && existsSync(socket) ? socket : undefined;
}

/** Groups of one target for each connected proxy of this machine. */
export function viewTargets({ state, request: asked }: Pick<Exchange, 'state' | 'request'>): readonly TargetGroup[] {
  const address = asked.headers.host ?? 'localhost';
  const groups = new Map<string, TargetGroup>();
  for (const { proxy } of state.connections) {
    const name = proxyNameOf(proxy.id);
    if (socketOf(state.stateDir, name) === undefined) continue;
    const { namespace, workload, role } = proxy;
    const labels = { instance: name, namespace, pod: name.slice(0, -namespace.length - 1), workload, role };
    groups.set(name, { targets: [address], labels: { __metrics_path__: `/metrics/${name}`, ...labels } });
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

/** Hands on what a proxy says of itself, in the format that the scraper asks for. */
export function relayMetrics({ state, pathname, request: asked, response }: Exchange): Promise<undefined> {
  const name = decodedPart(pathname.slice('/metrics/'.length));
  const socketPath = socketOf(state.stateDir, name);
  if (socketPath === undefined) throw new ProtocolError('no_proxy', 404, `no proxy ${name} runs here`);
  const { accept = '*/*' } = asked.headers;
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: '/stats/prometheus', headers: { accept }, agent: false }, (incoming) => {
      response.writeHead(incoming.statusCode ?? 502, { 'content-type': incoming.headers['content-type'] ?? 'text/plain' });
      // who has gone needs no answer
      pipeline(incoming, response, () => resolve(undefined));
    });
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', (error) => reject(new ProtocolError('no_answer', 502, `${name} does not answer: ${messageOf(error)}`)));
    outgoing.end();
  });
}
