/**
 * Versions as they are written. Which files a version has is a list that many versions share, and a few files that are
 * other in it: a list of 20,000 files is 1.8 MB. Short lists stand in the version itself, as all of them did formerly.
 */
import { isObject } from '../../core/object.ts';
import { patchedMap, patchOf } from '../../core/patched-map.ts';
import type { FileDigests } from './digests.ts';
import { CAUSES, type Version, VERSION_STATES } from './version.ts';

/** Shorter lists are not worth a file. */
const LISTED_MIN = 100;

/** The list that a version's record leads to; undefined where it has none. */
export function listOf({ files }: Version): FileDigests | undefined {
  const { base } = patchOf(files);
  return base.size < LISTED_MIN ? undefined : base;
}

/** The record of a version; `list` names what {@link listOf} gives. Of files that its list has and it has not the digest is null. */
export function recordOf(version: Version, list: string | undefined): string {
  if (list === undefined) return JSON.stringify({ ...version, files: Object.fromEntries(version.files) });
  const own = [...patchOf(version.files).own].map(([file, digest]) => [file, digest ?? null]);
  return JSON.stringify({ ...version, list, files: Object.fromEntries(own) });
}

type Told = Omit<Version, 'files'> & { readonly list?: unknown; readonly files: Record<string, unknown> };

/** True for what `recordOf` gave. */
function isTold(value: unknown): value is Told {
  if (!isObject(value)) return false;
  const texts = ['by', 'message', 'reason'].every((key) => typeof value[key] === 'string');
  const numbers = ['number', 'createdAtMs', 'refused'].every((key) => Number.isSafeInteger(value[key]));
  const words = VERSION_STATES.some((each) => each === value['state']) && CAUSES.some((each) => each === value['cause']);
  return texts && numbers && words && Array.isArray(value['changes']) && isObject(value['files']);
}

function digestsIn(files: Record<string, unknown>): [string, string | undefined][] {
  return Object.entries(files).map(([file, digest]) => [file, typeof digest === 'string' ? digest : undefined]);
}

/** A list as it was written; undefined for what is none. */
export function readList(value: unknown): FileDigests | undefined {
  if (!isObject(value)) return undefined;
  return new Map(digestsIn(value).flatMap(([file, digest]): [string, string][] => (digest === undefined ? [] : [[file, digest]])));
}

/** The version of a record; `listNamed` gives lists. Undefined for what is none, or whose list is gone. */
export async function readVersion(
  value: unknown,
  listNamed: (name: string) => Promise<FileDigests | undefined>,
): Promise<Version | undefined> {
  if (!isTold(value)) return undefined;
  const { list, files, ...rest } = value;
  if (list === undefined) return { ...rest, files: readList(files) ?? new Map() };
  const shared = typeof list === 'string' ? await listNamed(list) : undefined;
  return shared && { ...rest, files: patchedMap(shared, digestsIn(files)) };
}

/** Digests of texts that some version has. What all of those that share a list have otherwise is nobody's. */
export function usedDigests(versions: Iterable<Version>): ReadonlySet<string> {
  const used = new Set<string>();
  const patches = [...versions].map(({ files }) => patchOf(files));
  for (const [base, own] of Map.groupBy(patches, (patch) => patch.base)) {
    for (const patch of own) for (const digest of patch.own.values()) if (digest !== undefined) used.add(digest);
    for (const [file, digest] of base) if (own.some((patch) => !patch.own.has(file))) used.add(digest);
  }
  return used;
}
