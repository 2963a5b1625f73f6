/** The mesh and its proxies as one value for another program of this version: `tulle explain` asks the compiler itself. */
import { serialize } from 'node:v8';
import type { Mesh } from '../../model/mesh.ts';
import type { ProxyNode } from '../compiler.ts';
import type { ControlState } from '../control-state.ts';

/** What `tulle explain` needs of a running control plane. */
export interface MeshSnapshot {
  /** Without private keys. */
  readonly mesh: Mesh;
  /** Connected proxies; `instance`: what each has registered as, '' for nothing. */
  readonly proxies: readonly { readonly proxy: ProxyNode; readonly instance: string }[];
}

function snapshotOf({ pusher, connections }: ControlState): MeshSnapshot {
  const { mesh } = pusher.state();
  const secrets = mesh.secrets.map((secret) => ({ ...secret, privateKey: '' }));
  const proxies = [...connections].map(({ proxy, instance }) => ({ proxy, instance: instance?.id ?? '' }));
  return { mesh: { ...mesh, secrets }, proxies: proxies.toSorted((a, b) => (a.proxy.id < b.proxy.id ? -1 : 1)) };
}

/** What `GET /api/snapshot` answers: the value as V8 serializes it, in base64. */
export function viewSnapshot(state: ControlState): object {
  return { snapshot: serialize(snapshotOf(state)).toString('base64') };
}
