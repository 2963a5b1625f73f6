/** Brings what was decided to disk, and back after a restart. */
import { isObject } from '../../core/object.ts';
import type { RolloutPolicy } from '../../model/rollout.ts';
import type { Candidate, Hold, Timeline } from '../rollout/timeline.ts';
import type { TimelineKeeper } from '../rollout/versioned-model.ts';
import type { HistoryStore } from './store.ts';
import type { Version } from './version.ts';

/** What is kept beside the versions. */
type Kept = Pick<Timeline, 'stable' | 'folder' | 'hold' | 'candidate'>;

const KINDS = ['rollback', 'applied', 'reverted', 'withdrawn'] as const satisfies readonly Hold['kind'][];

function isHold(value: unknown): value is Hold {
  if (!isObject(value) || typeof value['sinceMs'] !== 'number' || !KINDS.some((kind) => kind === value['kind'])) return false;
  return ['by', 'reason', 'folder'].every((key) => typeof value[key] === 'string');
}

function isStep(value: unknown): boolean {
  if (!isObject(value)) return false;
  return value['kind'] === 'percent' ? typeof value['percent'] === 'number' : typeof value['revision'] === 'string';
}

function isPolicy(value: unknown): value is RolloutPolicy {
  if (!isObject(value) || !Array.isArray(value['steps']) || !value['steps'].every(isStep)) return false;
  return ['intervalMs', 'ackTimeoutMs', 'errorRateMax', 'requestsMin'].every((key) => typeof value[key] === 'number');
}

function isCandidate(value: unknown): value is Candidate {
  return isObject(value) && typeof value['number'] === 'number' && typeof value['isFromFolder'] === 'boolean' && isPolicy(value['policy']);
}

/** The timeline of what {@link HistoryStore.read} gave; what does not fit together any more is left out. */
export function readTimeline(versions: readonly Version[], state: unknown): Timeline {
  const { stable, folder, hold, candidate } = isObject(state) ? state : {};
  const has = (number: unknown): number is number => versions.some((version) => version.number === number);
  return {
    versions,
    stable: has(stable) ? stable : 0,
    folder: typeof folder === 'string' ? folder : '',
    hold: isHold(hold) ? hold : undefined,
    candidate: isCandidate(candidate) && has(candidate.number) ? candidate : undefined,
  };
}

/** Writes what differs from what was written last, which at the start is what was read. */
export function createKeeper(store: HistoryStore, read: Timeline): TimelineKeeper {
  let last = read;
  return {
    keep(now, texts) {
      const known = new Set(last.versions);
      const kept: Kept = { stable: now.stable, folder: now.folder, hold: now.hold, candidate: now.candidate };
      store.write(
        now.versions.filter((version) => !known.has(version)),
        texts,
        kept,
      );
      const numbers = new Set(now.versions.map(({ number }) => number));
      const gone = last.versions.map(({ number }) => number).filter((number) => !numbers.has(number));
      if (gone.length > 0) store.forget(gone);
      last = now;
    },
  };
}
