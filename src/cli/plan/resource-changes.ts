/** Which resources an edit adds, changes and removes. */
import type { Resource } from '../../compile/dialects/dialect.ts';
import { parseDocuments } from '../../compile/dialects/load.ts';
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

function resourcesOf(texts: Texts): Map<string, Resource> {
  const all = [...texts].flatMap(([file, text]) => parseDocuments(file, text).resources);
  return new Map(all.map((resource) => [resource.key, resource]));
}

function textOf(resource: Resource): string {
  return contentOf(resource.part('cluster.local'));
}

/** Compares by content: a resource that moved within its file, or to another one, has not changed. */
export function resourceChanges(before: Texts, after: Texts): ResourceChange[] {
  const [former, next] = [resourcesOf(before), resourcesOf(after)];
  const row = (change: Change, { key, file, line }: Resource): ResourceChange => ({ change, resource: key, file, line });
  const kept = [...next.values()].flatMap((resource) => {
    const old = former.get(resource.key);
    if (old === undefined) return [row('added', resource)];
    return textOf(old) === textOf(resource) ? [] : [row('changed', resource)];
  });
  const gone = [...former.values()].filter(({ key }) => !next.has(key)).map((resource) => row('removed', resource));
  return [...kept, ...gone].toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
}
