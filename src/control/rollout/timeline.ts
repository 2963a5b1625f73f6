/**
 * What is in force, what is tried, and whether the folder is held back: the versions of a mesh over time. Pure.
 *
 *   folder changes ─▶ no policy: applied at once
 *                 └─▶ policy:    canary ─ promoted ─▶ applied
 *                                   └──── reverted ─▶ failed; the folder is held back until it changes
 *   rollback, apply ─▶ applied; the folder is held back until it changes
 */
import type { RolloutPolicy } from '../../model/rollout.ts';
import { type FileDigests, folderDigest, isDigestOf } from '../history/digests.ts';
import type { Version } from '../history/version.ts';

/** The folder says something else than what is in force, and that is meant so. */
export interface Hold {
  readonly kind: 'rollback' | 'applied' | 'reverted' | 'withdrawn';
  readonly sinceMs: number;
  readonly by: string;
  readonly reason: string;
  /** Digest of the content that is held back: with any other the hold ends. */
  readonly folder: string;
}

/** The version that some proxies try. */
export interface Candidate {
  readonly number: number;
  readonly policy: RolloutPolicy;
  /** False where it was applied from elsewhere, and the folder says something else. */
  readonly isFromFolder: boolean;
}

/** All that is decided of versions. */
export interface Timeline {
  /** In order of number. */
  readonly versions: readonly Version[];
  /** Number of the version in force; 0 before there is one. */
  readonly stable: number;
  /** Digest of what the folder holds. */
  readonly folder: string;
  readonly hold: Hold | undefined;
  readonly candidate: Candidate | undefined;
}

/** Before the first version. */
export const emptyTimeline: Timeline = { versions: [], stable: 0, folder: '', hold: undefined, candidate: undefined };

/** A version that is about to come. */
export type Draft = Pick<Version, 'createdAtMs' | 'cause' | 'by' | 'message' | 'changes' | 'files'>;

/** So many versions are kept; the one in force in any case. */
const VERSIONS_MAX = 100;

/** The version of that number. */
export function versionOf({ versions }: Timeline, number: number): Version | undefined {
  return versions.find((version) => version.number === number);
}

/** Digest of a version's whole content; '' where there is no such version. */
export function digestOf(timeline: Timeline, number: number): string {
  const version = versionOf(timeline, number);
  return version === undefined ? '' : folderDigest(version.files);
}

/** Changes what is recorded of a version. */
export function amend(timeline: Timeline, number: number, more: Partial<Version>): Timeline {
  return { ...timeline, versions: timeline.versions.map((each) => (each.number === number ? { ...each, ...more } : each)) };
}

function withdraw(timeline: Timeline, reason: string): Timeline {
  const { candidate } = timeline;
  if (candidate === undefined) return timeline;
  return { ...amend(timeline, candidate.number, { state: 'withdrawn', reason }), candidate: undefined };
}

/** The folder holds this. `isNew`: it is to become a version. */
export function folderSeen(timeline: Timeline, files: FileDigests): { readonly timeline: Timeline; readonly isNew: boolean } {
  const { candidate, hold, folder, stable } = timeline;
  const now = { ...timeline, folder: folderDigest(files) };
  if (candidate !== undefined) {
    const tried = candidate.isFromFolder ? digestOf(timeline, candidate.number) : folder;
    if (isDigestOf(tried, files)) return { timeline: now, isNew: false };
  }
  const free = { ...withdraw(now, 'the folder changed'), hold: undefined };
  if (now.folder === digestOf(timeline, stable)) return { timeline: free, isNew: false };
  if (candidate === undefined && hold !== undefined && isDigestOf(hold.folder, files)) return { timeline: now, isNew: false };
  return { timeline: free, isNew: true };
}

/** Drops the oldest versions, but none that is in use. */
function pruned(timeline: Timeline): Timeline {
  const { versions, stable, candidate } = timeline;
  const isUsed = ({ number }: Version): boolean => number === stable || number === candidate?.number;
  const kept = versions.filter((version, index) => index >= versions.length - VERSIONS_MAX || isUsed(version));
  return { ...timeline, versions: kept };
}

/** The hold that the version in force needs, where the folder says something else. */
function holdOf(timeline: Timeline, kind: Hold['kind'], by: string, reason: string, nowMs: number): Hold | undefined {
  const { folder, stable } = timeline;
  return folder === digestOf(timeline, stable) ? undefined : { kind, sinceMs: nowMs, by, reason, folder };
}

/** The version of that number takes the place of the one in force. */
function enforce(timeline: Timeline, number: number, leaving: 'superseded' | 'rolled back', reason: string): Timeline {
  const left = amend(timeline, timeline.stable, { state: leaving, reason });
  return { ...amend(left, number, { state: 'applied', reason: '' }), stable: number };
}

/**
 * A version comes: with a policy as a canary, without, or as the first one, at once. One that is tried already is
 * withdrawn.
 */
export function begin(timeline: Timeline, draft: Draft, policy: RolloutPolicy | undefined): Timeline {
  const { cause, by, message, createdAtMs } = draft;
  const number = (timeline.versions.at(-1)?.number ?? 0) + 1;
  const isTried = policy !== undefined && timeline.stable !== 0;
  const version: Version = { ...draft, number, state: isTried ? 'canary' : 'applied', reason: '', refused: 0 };
  const free = withdraw(timeline, cause === 'rollback' ? 'a rollback ended it' : `version ${number} came`);
  const added = pruned({ ...free, versions: [...free.versions, version] });
  const isFromFolder = cause !== 'apply' && cause !== 'rollback';
  if (isTried) return { ...added, candidate: { number, policy, isFromFolder } };
  const leaving = cause === 'rollback' ? 'rolled back' : 'superseded';
  const enforced = enforce(added, number, leaving, cause === 'rollback' ? message : '');
  const kind = cause === 'rollback' ? 'rollback' : 'applied';
  return { ...enforced, hold: holdOf(enforced, kind, by, message, createdAtMs) };
}

/** Everybody gets the candidate. */
export function promote(timeline: Timeline, nowMs: number): Timeline {
  const { candidate } = timeline;
  if (candidate === undefined) return timeline;
  const { by = '', message = '' } = versionOf(timeline, candidate.number) ?? {};
  const enforced = { ...enforce(timeline, candidate.number, 'superseded', ''), candidate: undefined };
  return { ...enforced, hold: holdOf(enforced, 'applied', by, message, nowMs) };
}

/** Nobody gets the candidate any more: it has failed by itself, or `by` ended it. */
export function revert(timeline: Timeline, state: 'failed' | 'withdrawn', reason: string, by: string, nowMs: number): Timeline {
  const { candidate } = timeline;
  if (candidate === undefined) return timeline;
  const ended: Timeline = { ...amend(timeline, candidate.number, { state, reason }), candidate: undefined };
  if (!candidate.isFromFolder) return ended;
  return { ...ended, hold: holdOf(ended, state === 'failed' ? 'reverted' : 'withdrawn', by, reason, nowMs) };
}

/** The version that a rollback without a number means: the last one in force before this one that says something else. */
export function rollbackTarget(timeline: Timeline): Version | undefined {
  const now = digestOf(timeline, timeline.stable);
  return timeline.versions.findLast(
    (version) => version.number < timeline.stable && version.state === 'superseded' && folderDigest(version.files) !== now,
  );
}
