/** One version of what was applied, and what became of it. */
import { createHash } from 'node:crypto';
import type { ResourceChange } from '../../compile/changes/resource-changes.ts';
import { memoised } from '../../compile/emit/memo.ts';
import type { FileTexts } from '../sources/files.ts';

/**
 * `canary`: some proxies have it; `applied`: it is in force; `superseded`: another one took its place; `rolled back`: a
 * rollback did; `failed`: its rollout was reverted; `withdrawn`: its rollout ended before its time, by a newer version
 * or by hand.
 */
export const VERSION_STATES = ['canary', 'applied', 'superseded', 'rolled back', 'failed', 'withdrawn'] as const;
type VersionState = (typeof VERSION_STATES)[number];

/** What a version came by. */
export const CAUSES = ['start', 'edit', 'apply', 'rollback', 'release'] as const;
export type Cause = (typeof CAUSES)[number];

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
  /** Digest of each file's text. */
  readonly files: Readonly<Record<string, string>>;
}

/** What identifies a text. */
export function textDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The last digest of each file's text: of a folder's files few change at a time. */
const known = new Map<string, { readonly text: string; readonly digest: string }>();
/** Files that are remembered; a control plane has one folder. */
const KNOWN_MAX = 100_000;

function fileDigest(file: string, text: string): string {
  const last = known.get(file);
  if (last?.text === text) return last.digest;
  if (known.size >= KNOWN_MAX) known.clear();
  const digest = textDigest(text);
  known.set(file, { text, digest });
  return digest;
}

/** What each file holds, by digest. */
export const fileDigests = memoised((texts: FileTexts): Readonly<Record<string, string>> =>
  Object.fromEntries([...texts].map(([file, text]) => [file, fileDigest(file, text)])),
);

/** One digest for the content of a folder. */
export const folderDigest = memoised((files: Readonly<Record<string, string>>): string =>
  textDigest(JSON.stringify(Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1)))),
);
