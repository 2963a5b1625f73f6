/** Which patches a proxy gets, in which order. */
import { clone, type DescMessage, isMessage, type Message, type MessageShape } from '@bufbuild/protobuf';
import { compileRe2, Re2Missing } from '../../../core/re2.ts';
import { type ApplyTo, type ConfigPatch, type EnvoyFilter, type ProxyMatch, VERSION_LENGTH_MAX } from '../../../model/envoy-filter.ts';
import { isFor } from '../../../model/security.ts';
import { readPatchValue } from '../../envoy/patch-value.ts';
import { memoised } from '../memo.ts';
import type { ProxyNode } from '../proxy-node.ts';

/** A proxy's patches. The same object for every proxy that has the same. */
export interface PatchSet {
  readonly byKind: ReadonlyMap<ApplyTo, readonly ConfigPatch[]>;
}

const NODE_VERSION_LENGTH_MAX = 64;

/** True where the expression is found in the text. */
function isFoundIn(pattern: string, text: string): boolean {
  try {
    return compileRe2(`(?s:.*)(?:${pattern})(?s:.*)`, '').fullMatch(text);
  } catch (error) {
    if (!(error instanceof Re2Missing)) return false;
  }
  try {
    // versions are a few characters, and the expression is one that RE2 takes
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

/** Istio's: a proxy without a version is not one of those that an expression about versions means. */
function isForProxy({ version, metadata }: ProxyMatch, node: Pick<ProxyNode, 'metadata'>): boolean {
  if (version !== '') {
    const own = node.metadata['ISTIO_VERSION'] ?? '';
    if (own === '' || own.length > NODE_VERSION_LENGTH_MAX || version.length > VERSION_LENGTH_MAX) return false;
    if (!isFoundIn(version, own)) return false;
  }
  return Object.entries(metadata).every(([key, value]) => node.metadata[key] === value);
}

type Node = Pick<ProxyNode, 'namespace' | 'labels' | 'metadata'>;

function compare(a: EnvoyFilter, b: EnvoyFilter, root: string): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  if (a.namespace !== b.namespace && (a.namespace === root || b.namespace === root)) return a.namespace === root ? -1 : 1;
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  const [left, right] = [`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** By root namespace: all EnvoyFilters in the order in which they are applied. */
const ordered = memoised((filters: readonly EnvoyFilter[], root: string): readonly EnvoyFilter[] =>
  filters.toSorted((a, b) => compare(a, b, root)),
);

const setOf = memoised((...patches: [ConfigPatch, ...ConfigPatch[]]): PatchSet => ({
  byKind: Map.groupBy(patches, ({ applyTo }) => applyTo),
}));

/** The patches that are for a proxy; undefined where there are none. */
export function patchesFor(filters: readonly EnvoyFilter[], root: string, node: Node): PatchSet | undefined {
  if (filters.length === 0) return undefined;
  const [first, ...others] = ordered(filters, root)
    .filter((filter) => isFor(filter, root, node))
    .flatMap(({ patches }) => patches)
    .filter(({ proxy }) => proxy === undefined || isForProxy(proxy, node));
  return first === undefined ? undefined : setOf(first, ...others);
}

const messages = new WeakMap<ConfigPatch, Message>();

/** A patch's value as a new message of `desc`, which must be what `applyTo` says; undefined for REMOVE. */
export function valueOf<Desc extends DescMessage>(patch: ConfigPatch, desc: Desc): MessageShape<Desc> | undefined {
  if (patch.value === undefined) return undefined;
  let message = messages.get(patch);
  if (message === undefined) messages.set(patch, (message = readPatchValue(patch.applyTo, patch.value).message));
  return isMessage(message, desc) ? clone(desc, message) : undefined;
}
