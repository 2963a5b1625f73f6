/** Flow records that the control plane has kept. */
import { existsSync } from 'node:fs';
import { type Flow, latestWords } from '../model/flow.ts';
import { callControl } from './admin-client.ts';
import { isObject } from './json.ts';
import type { StateDir } from './state-dir.ts';

const LIMIT = 100_000;

/** True for a line, or an entry of a list, that is a flow. */
export function isFlow(value: unknown): value is Flow {
  return isObject(value) && typeof value['proxy'] === 'string' && isObject(value['source']) && isObject(value['destination']);
}

/** The flows in an answer of the admin API. */
export function flowsOf(answer: unknown): readonly Flow[] {
  const flows: unknown = isObject(answer) ? answer['flows'] : undefined;
  return Array.isArray(flows) ? flows.filter(isFlow) : [];
}

/** All kept flows that pass `filters`, a query of `GET /api/flows`. Throws CliError. */
export async function fetchFlows(state: StateDir, filters: string): Promise<readonly Flow[]> {
  return flowsOf(await callControl(state, `/api/flows?limit=${LIMIT}&${filters}`));
}

/** What the control plane has kept of the request `id`, each proxy's latest word; nothing where no control plane answers. */
export async function fetchFlowsOf(state: StateDir, id: string): Promise<readonly Flow[]> {
  if (!existsSync(state.adminSocket)) return [];
  return latestWords(flowsOf(await callControl(state, `/api/flows/${encodeURIComponent(id)}`).catch(() => undefined)));
}
