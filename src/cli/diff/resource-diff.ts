/** What differs between two states of a mesh's files, resource by resource. */
import { documentsOf, shown } from './documents.ts';
import { unifiedDiff } from './unified.ts';

export interface ResourceDiff {
  readonly change: 'added' | 'changed' | 'removed';
  /** `VirtualService shop/reviews`. */
  readonly resource: string;
  /** Where it stands, or stood. */
  readonly file: string;
  /** In the unified format. */
  readonly diff: string;
}

type Texts = ReadonlyMap<string, string>;

/** In order of resource; a resource that only moved, or whose comments changed, is the same. */
export function resourceDiffs(before: Texts, after: Texts, names: readonly [before: string, after: string]): ResourceDiff[] {
  const [former, next] = [documentsOf(before), documentsOf(after)];
  const keys = [...new Set([...former.keys(), ...next.keys()])].toSorted();
  return keys.flatMap((key): ResourceDiff[] => {
    const [old, now] = [former.get(key), next.get(key)];
    const [oldText, newText] = shown(key, old?.text ?? '', now?.text ?? '');
    const diff = unifiedDiff(`${names[0]}: ${key}`, `${names[1]}: ${key}`, oldText, newText);
    if (diff === '') return [];
    const change = old === undefined ? 'added' : now === undefined ? 'removed' : 'changed';
    return [{ change, resource: key, file: now?.file ?? old?.file ?? '', diff }];
  });
}
