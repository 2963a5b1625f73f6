/**
 * Requests that a proxy has answered, from its own admin interface in the state directory (`tulle up` and `tulle run`
 * put it there; a proxy elsewhere is not watched, and the rollout says so). Names of statistics are Envoy's.
 */
import { request } from 'node:http';
import { proxyNameOf } from '../../model/node-id.ts';
import { proxyAdminSocket } from '../proxy-socket.ts';
import type { Traffic } from './canary.ts';

const TIMEOUT_MS = 2_000;
/** Requests of HTTP connection managers, and those of them that count as failed: 5xx, no route, denied by a policy. */
const FILTER = String.raw`^http\..*\.(downstream_rq_completed|downstream_rq_5xx|no_route|rbac\.denied)$`;

function get(socketPath: string, call: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: call, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        reject(new Error(`status ${response.statusCode}`));
        return;
      }
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** Sums the lines `name: value` of `/stats`; the admin interface's own requests are none. */
export function readStats(text: string): Traffic {
  let [requests, failed] = [0, 0];
  for (const line of text.split('\n')) {
    const [, manager = '', name = '', value = ''] =
      /^http\.(.*)\.(downstream_rq_completed|downstream_rq_5xx|no_route|rbac\.denied): (\d+)$/.exec(line) ?? [];
    if (name === '' || manager === 'admin') continue;
    if (name === 'downstream_rq_completed') requests += Number(value);
    else failed += Number(value);
  }
  return { requests, failed };
}

/** Reads the traffic of the proxy with that node id; undefined where its admin interface does not answer. */
export async function readTraffic(stateDir: string, nodeId: string): Promise<Traffic | undefined> {
  const socket = proxyAdminSocket(stateDir, proxyNameOf(nodeId));
  if (socket === undefined) return undefined;
  try {
    return readStats(await get(socket, `/stats?filter=${encodeURIComponent(FILTER)}`));
  } catch {
    return undefined;
  }
}
