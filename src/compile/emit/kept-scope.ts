/** Scopes over time: one that equals its predecessor is its predecessor, and whatever was compiled from it stands. */
import type { MeshSettings } from '../../model/mesh.ts';
import { share } from '../dialects/build/share.ts';
import { memoised } from './memo.ts';
import type { Scope } from './scope.ts';

/** The last scope of each kind of client, in a lineage of meshes. */
const lineages = new WeakMap<MeshSettings, Map<string, Scope>>();

/** Kinds of clients that are remembered; those of the past are many where labels say which client is which. */
const KINDS_MAX = 10_000;

const shared = memoised((scope: Scope, key: string): Scope => {
  const known = lineages.get(scope.settings) ?? new Map<string, Scope>();
  lineages.set(scope.settings, known);
  const kept = share(known.get(key), scope);
  if (known.size >= KINDS_MAX) known.clear();
  known.set(key, kept);
  return kept;
});

/** `scope`, or the one before for the client `key` where they are equal. */
export function keptScope(scope: Scope, key: string): Scope {
  return shared(scope, key);
}
