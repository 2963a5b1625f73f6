/** Which proxies get the new version: the same ones at every step and after every restart, more of them with each step. */
import { createHash } from 'node:crypto';
import { REVISION_LABEL, type RolloutStep } from '../../model/rollout.ts';

/** What a choice is made by. */
export interface Choosable {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

const UINT32 = 2 ** 32;

/** Where in 0 to 1 a proxy stands, by the hash of its id. */
function placeOf(id: string): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0) / UINT32;
}

/** True where the step's own rule names the proxy. */
export function isChosenBy(step: RolloutStep, { id, labels }: Choosable): boolean {
  return step.kind === 'revision' ? labels[REVISION_LABEL] === step.revision : placeOf(id) < step.percent / 100;
}

/** Ids of those among `proxies` that get the version with these steps: of a percentage at least one. */
export function chosen(steps: readonly RolloutStep[], proxies: readonly Choosable[]): Set<string> {
  const ids = new Set(proxies.filter((proxy) => steps.some((step) => isChosenBy(step, proxy))).map(({ id }) => id));
  const first = proxies.map(({ id }) => id).toSorted((a, b) => placeOf(a) - placeOf(b))[0];
  if (ids.size === 0 && first !== undefined && steps.some(({ kind }) => kind === 'percent')) ids.add(first);
  return ids;
}
