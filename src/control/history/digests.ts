/** What identifies texts and folders. An edit takes time by what it changes, not by how many files there are. */
import { createHash } from 'node:crypto';
import { memoised } from '../../compile/emit/memo.ts';
import { changedKeys, patchedMap } from '../../core/patched-map.ts';
import type { FileTexts } from '../sources/files.ts';

/** Digest of each file's text. */
export type FileDigests = ReadonlyMap<string, string>;

/** What identifies a text. */
export function textDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const NO_FILES: FileDigests = new Map();

/** What was digested last: of a folder's files few change at a time. */
let lastDigested: { readonly texts: FileTexts; readonly digests: FileDigests } = { texts: NO_FILES, digests: NO_FILES };

/** What each file holds, by digest. */
export const fileDigests = memoised((texts: FileTexts): FileDigests => {
  const { texts: former, digests } = lastDigested;
  const changed = changedKeys(former, texts).map((file): [string, string | undefined] => {
    const text = texts.get(file);
    return [file, text === undefined ? undefined : textDigest(text)];
  });
  lastDigested = { texts, digests: patchedMap(digests, changed) };
  return lastDigested.digests;
});

const DIGEST_BITS = 256;

function rowDigest(file: string, digest: string | undefined): bigint {
  return digest === undefined ? 0n : BigInt(`0x${textDigest(JSON.stringify([file, digest]))}`);
}

let lastSummed = { files: NO_FILES, sum: 0n };

/** Before it stands what folders were told apart by formerly. */
const SUM = 'sum:';

/**
 * One digest for the content of a folder: the digests of its files added up, as in AdHash. Whoever could find two folders
 * of one sum writes the folder, and may change it anyway.
 */
export const folderDigest = memoised((files: FileDigests): string => {
  let { sum } = lastSummed;
  for (const file of changedKeys(lastSummed.files, files)) {
    sum += rowDigest(file, files.get(file)) - rowDigest(file, lastSummed.files.get(file));
  }
  lastSummed = { files, sum: BigInt.asUintN(DIGEST_BITS, sum) };
  return SUM + lastSummed.sum.toString(16).padStart(DIGEST_BITS / 4, '0');
});

/** True where `digest`, which may have been kept by a former release, says what `files` hold. */
export function isDigestOf(digest: string, files: FileDigests): boolean {
  if (digest.startsWith(SUM)) return digest === folderDigest(files);
  return digest === textDigest(JSON.stringify([...files].toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
