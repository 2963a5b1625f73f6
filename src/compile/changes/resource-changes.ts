/** Which resources an edit adds, changes and removes. */
import { changedKeys } from '../../core/patched-map.ts';
import type { Resource } from '../dialects/dialect.ts';
import { parseOnce } from '../dialects/parse-once.ts';
import { contentOf } from './without-places.ts';

export type Change = 'added' | 'changed' | 'removed';

export interface ResourceChange {
  readonly change: Change;
  /** `VirtualService shop/reviews`. */
  readonly resource: string;
  readonly file: string;
  readonly line: number;
}

export type Texts = ReadonlyMap<string, string>;

/** The resources of some files. */
function resourcesOf(texts: Texts, files: readonly string[]): Map<string, Resource> {
  const all = files.flatMap((file) => {
    const text = texts.get(file);
    return text === undefined ? [] : parseOnce(file, text).resources;
  });
  return new Map(all.map((resource) => [resource.key, resource]));
}

function textOf(resource: Resource): string {
  return contentOf(resource.part('cluster.local'));
}

/** Compares by content: a resource that moved within its file, or to another one, has not changed. */
export function resourceChanges(before: Texts, after: Texts): ResourceChange[] {
  // only files whose text is another, or none, on the other side can hold a change
  const files = changedKeys(before, after).toSorted();
  const [former, next] = [resourcesOf(before, files), resourcesOf(after, files)];
  const row = (change: Change, { key, file, line }: Resource): ResourceChange => ({ change, resource: key, file, line });
  const kept = [...next.values()].flatMap((resource) => {
    const old = former.get(resource.key);
    if (old === undefined) return [row('added', resource)];
    return textOf(old) === textOf(resource) ? [] : [row('changed', resource)];
  });
  const gone = [...former.values()].filter(({ key }) => !next.has(key)).map((resource) => row('removed', resource));
  return [...kept, ...gone].toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
}
