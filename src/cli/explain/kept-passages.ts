/** A request that was, as flow records tell of it: those that failed or were denied, and a sample of the rest. */
import type { Flow } from '../../model/flow.ts';
import { proxyNameOf } from '../../model/node-id.ts';
import { fetchFlowsOf } from '../fetch-flows.ts';
import type { StateDir } from '../state-dir.ts';
import type { Passage } from './log-line.ts';

/** A record of a request as a line of its proxy's log; undefined for a connection's. */
export function passageOfFlow({ request, ...flow }: Flow): Passage | undefined {
  if (request === undefined) return undefined;
  return {
    proxy: proxyNameOf(flow.proxy),
    requestId: flow.id,
    startTime: new Date(flow.startMs).toISOString(),
    method: request.method,
    path: request.path,
    authority: request.authority,
    status: String(request.status),
    flags: flow.flags.join(','),
    details: flow.details,
    durationMs: String(Math.round(flow.durationMs)),
    cluster: flow.cluster,
    host: flow.destination.address,
    userAgent: request.headers?.['user-agent'] ?? '',
    route: flow.route,
  };
}

/** What the control plane of a mesh has kept of a request; nothing where none answers. */
export async function keptPassages(state: StateDir, id: string): Promise<readonly Passage[]> {
  return (await fetchFlowsOf(state, id)).flatMap((flow) => passageOfFlow(flow) ?? []);
}
