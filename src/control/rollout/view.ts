/** What the admin API and metrics show of versions and rollouts. */
import { stepText } from '../../model/rollout.ts';
import type { Version } from '../history/version.ts';
import type { Metrics } from '../metrics.ts';
import type { VersionedModel } from './versioned-model.ts';

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}

function viewVersion({ createdAtMs, files, ...rest }: Version): object {
  return { ...rest, createdAt: timeText(createdAtMs), files: [...files.keys()].toSorted() };
}

function viewCandidate(model: VersionedModel): object | undefined {
  const { candidate } = model;
  if (candidate === undefined) return undefined;
  const { number, policy, canary } = candidate;
  return {
    version: number,
    policy: { ...policy, steps: policy.steps.map(stepText) },
    step: canary === undefined ? 0 : canary.step + 1,
    ...(canary === undefined
      ? {}
      : { since: timeText(canary.stepSinceMs), acknowledged: canary.settledSinceMs !== undefined, ...canary.seen }),
  };
}

/** What is in force, what is tried, and what is held back. */
export function viewRollout(model: VersionedModel): object {
  const { stable, hold } = model.timeline;
  const held = hold && { kind: hold.kind, since: timeText(hold.sinceMs), by: hold.by, reason: hold.reason };
  return { version: stable, rollout: viewCandidate(model), held };
}

/** All versions, the newest first. */
export function viewHistory(model: VersionedModel): object {
  return { ...viewRollout(model), versions: model.timeline.versions.toReversed().map(viewVersion) };
}

/** Gauges of what is in force and what is tried. */
export function addRolloutGauges(metrics: Metrics, model: VersionedModel): void {
  metrics.gauge('tulle_version', 'Version of the mesh that is in force, and the one that is tried (0 where there is none).', () => [
    [{ state: 'applied' }, model.timeline.stable],
    [{ state: 'canary' }, model.candidate?.number ?? 0],
  ]);
  metrics.gauge('tulle_folder_held', '1 while the folder is held back: what is in force is not what it says.', () =>
    model.timeline.hold === undefined ? 0 : 1,
  );
  metrics.gauge('tulle_rollout_step', 'Step of the rollout under way, from 1 on; 0 without.', () => {
    const { candidate } = model;
    return candidate?.canary === undefined ? 0 : candidate.canary.step + 1;
  });
  metrics.gauge('tulle_rollout_proxies', 'Proxies that have the version that is tried.', () => model.candidate?.canary?.seen.proxies ?? 0);
  metrics.gauge(
    'tulle_rollout_failed_requests',
    'Requests that failed in this step at proxies that have the version that is tried.',
    () => model.candidate?.canary?.seen.failed ?? 0,
  );
}
