/** A request that was, as flow records tell of it: those that failed or were denied, and a sample of the rest. */
import { existsSync } from 'node:fs';
import { type Flow, latestWords } from '../../model/flow.ts';
import { callControl } from '../admin-client.ts';
import { flowsOf } from '../fetch-flows.ts';
import type { StateDir } from '../state-dir.ts';
import type { Passage } from './log-line.ts';

/** A record of a request as a line of its proxy's log; undefined for a connection's. */
export function passageOfFlow({ request, ...flow }: Flow): Passage | undefined {
  if (request === undefined) return undefined;
  return {
    // node ids are type~address~name.namespace~domain
    proxy: flow.proxy.split('~')[2] ?? flow.proxy,
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
  if (!existsSync(state.adminSocket)) return [];
  const answer: unknown = await callControl(state, `/api/flows/${encodeURIComponent(id)}`).catch(() => undefined);
  return latestWords(flowsOf(answer)).flatMap((flow) => passageOfFlow(flow) ?? []);
}
