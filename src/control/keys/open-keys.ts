/** Puts keys of token issuers into every mesh that is built, and fetches what the meshes want. */
import type { Compiler } from '../compiler.ts';
import type { KeySource } from '../../model/key-set.ts';
import { KeyStore, type KeyStoreOptions } from './key-store.ts';
import { wantedKeys } from './wanted-keys.ts';

/** Keys of token issuers, of one control plane. */
export interface Keys {
  /** Builds meshes with the keys in them. */
  readonly compiler: Compiler;
  /** All versions of the mesh were built: fetches what they want. */
  built(): void;
  /** Resolves once every address was tried, or after `maxMs`. */
  tried(maxMs: number): Promise<void>;
  close(): Promise<void>;
}

/** `onChange` is called where meshes have to be built anew. */
export async function openKeys(compiler: Compiler, options: KeyStoreOptions, onChange: () => void): Promise<Keys> {
  const store = new KeyStore(options, onChange);
  await store.restore();
  // several versions of a mesh may be in force beside each other
  let wanted = new Map<string, KeySource>();
  return {
    compiler: {
      ...compiler,
      buildMesh(resources, instances, previous, inForce) {
        const built = compiler.buildMesh(resources, instances, previous, inForce, store.sets());
        for (const source of wantedKeys(built.mesh)) wanted.set(source.url, source);
        return built;
      },
    },
    built() {
      store.want([...wanted.values()]);
      wanted = new Map();
    },
    tried: (maxMs) => store.tried(maxMs),
    close: () => store.close(),
  };
}
