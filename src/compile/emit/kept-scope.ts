/** Scopes over time: one that equals its predecessor is its predecessor, and whatever was compiled from it stands. */
import type { MeshSettings } from '../../model/mesh.ts';
import { keptList } from '../dialects/build/changed-positions.ts';
import { share, shareFields } from '../dialects/build/share.ts';
import { memoised } from './memo.ts';
import type { PortScope, Scope } from './scope.ts';

/** The last scope of each kind of client, in a lineage of meshes. */
const lineages = new WeakMap<MeshSettings, Map<string, Scope>>();

/** Kinds of clients that are remembered; those of the past are many where labels say which client is which. */
const KINDS_MAX = 10_000;

function keptPort(former: PortScope | undefined, { listener, scope }: PortScope): PortScope {
  return shareFields(former, { listener: share(former?.listener, listener), scope: keptFrom(former?.scope, scope) });
}

function keptPorts(former: Scope['ports'], next: Scope['ports']): Scope['ports'] {
  return keptList(
    former,
    next.map((port, i) => keptPort(former[i], port)),
  );
}

/** `next`, or `former` where they are equal. What is large is the same object where it is equal: imports see to that. */
function keptFrom(former: Scope | undefined, next: Scope): Scope {
  if (former === undefined) return next;
  return shareFields(former, {
    ...next,
    client: share(former.client, next.client),
    outbound: share(former.outbound, next.outbound),
    ports: keptPorts(former.ports, next.ports),
    visible: shareFields(former.visible, next.visible),
  });
}

const shared = memoised((scope: Scope, key: string): Scope => {
  const known = lineages.get(scope.settings) ?? new Map<string, Scope>();
  lineages.set(scope.settings, known);
  const kept = keptFrom(known.get(key), scope);
  if (known.size >= KINDS_MAX) known.clear();
  known.set(key, kept);
  return kept;
});

/** `scope`, or the one before for the client `key` where they are equal. */
export function keptScope(scope: Scope, key: string): Scope {
  return shared(scope, key);
}
