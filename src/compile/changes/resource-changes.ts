/** Which resources an edit adds, changes and removes. */
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

function resourcesOf(texts: Texts): Map<string, Resource> {
  const all = [...texts].flatMap(([file, text]) => parseOnce(file, text).resources);
  return new Map(all.map((resource) => [resource.key, resource]));
}

/** The files whose text is another, or none, on the other side: only they can hold a change. */
function without(texts: Texts, other: Texts): Texts {
  return new Map([...texts].filter(([file, text]) => other.get(file) !== text));
}

function textOf(resource: Resource): string {
  return contentOf(resource.part('cluster.local'));
}

/** Compares by content: a resource that moved within its file, or to another one, has not changed. */
export function resourceChanges(before: Texts, after: Texts): ResourceChange[] {
  const [former, next] = [resourcesOf(without(before, after)), resourcesOf(without(after, before))];
  const row = (change: Change, { key, file, line }: Resource): ResourceChange => ({ change, resource: key, file, line });
  const kept = [...next.values()].flatMap((resource) => {
    const old = former.get(resource.key);
    if (old === undefined) return [row('added', resource)];
    return textOf(old) === textOf(resource) ? [] : [row('changed', resource)];
  });
  const gone = [...former.values()].filter(({ key }) => !next.has(key)).map((resource) => row('removed', resource));
  return [...kept, ...gone].toSorted((a, b) => (a.resource < b.resource ? -1 : 1));
}
