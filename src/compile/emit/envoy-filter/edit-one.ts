/** Operations on one message: patches that merge into it, or take it away. */
import type { ConfigPatch } from '../../../model/envoy-filter.ts';
import { isMerge } from '../../envoy/operations.ts';
import type { TellPatch } from './site.ts';

/**
 * Applies patches one after the other, each to what the former ones made. `matches` says whether a patch is for the
 * message, `merge` merges it and says whether that is worth telling. False where the message is removed.
 */
export function isLeft(
  patches: readonly ConfigPatch[],
  matches: (patch: ConfigPatch) => boolean,
  merge: (patch: ConfigPatch) => boolean,
  tell?: TellPatch,
): boolean {
  for (const patch of patches) {
    if (!matches(patch)) continue;
    if (patch.operation === 'REMOVE') {
      tell?.(patch);
      return false;
    }
    if (isMerge(patch.operation) && merge(patch)) tell?.(patch);
  }
  return true;
}
