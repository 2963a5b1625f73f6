/** One version of what was applied, and what became of it. */
import type { ResourceChange } from '../../compile/changes/resource-changes.ts';
import type { FileDigests } from './digests.ts';

/**
 * `canary`: some proxies have it; `applied`: it is in force; `superseded`: another one took its place; `rolled back`: a
 * rollback did; `failed`: its rollout was reverted; `withdrawn`: its rollout ended before its time, by a newer version
 * or by hand.
 */
export const VERSION_STATES = ['canary', 'applied', 'superseded', 'rolled back', 'failed', 'withdrawn'] as const;
type VersionState = (typeof VERSION_STATES)[number];

/** What a version came by. */
export const CAUSES = ['start', 'edit', 'apply', 'rollback', 'release'] as const;
/** One of {@link CAUSES}. */
export type Cause = (typeof CAUSES)[number];

/** What was applied at a time. */
export interface Version {
  /** From 1 on; never used twice in a state directory. */
  readonly number: number;
  readonly createdAtMs: number;
  readonly cause: Cause;
  /** Who asked for it; '' where nobody knows (the folder was edited). */
  readonly by: string;
  /** Why, in the words of who asked for it. */
  readonly message: string;
  readonly state: VersionState;
  /** Why it is in that state; '' where that needs no reason. */
  readonly reason: string;
  /** Resources, against the version that was in force when it came. */
  readonly changes: readonly ResourceChange[];
  /** Documents that are refused; their former versions stay in force. */
  readonly refused: number;
  readonly files: FileDigests;
}
