/**
 * The mesh over time: documents and instances in, one immutable mesh out. A resource that parses but does not fit
 * the mesh is refused too, and its former version takes its place.
 */
import { changedElements } from '../compile/dialects/build/changed-positions.ts';
import { patchedMap } from '../core/patched-map.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Diagnostic } from '../model/provenance.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import type { Compiler, Resource } from './compiler.ts';
import type { FileTexts } from './sources/files.ts';
import { type KeptTexts, LastGood } from './sources/last-good.ts';

export interface MeshState {
  readonly mesh: Mesh;
  readonly diagnostics: readonly Diagnostic[];
  /** Grows by one with every new mesh. */
  readonly generation: number;
}

function errorKeys(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.flatMap(({ severity, resource }) => (severity === 'error' && resource !== undefined ? [resource] : []));
}

function byKey(resources: readonly Resource[]): ReadonlyMap<string, Resource> {
  return new Map(resources.map((resource) => [resource.key, resource]));
}

/** Holds what was accepted, so that it can stand in for what is not. */
export class MeshModel {
  readonly #compiler: Compiler;
  readonly #documents: LastGood;
  #resources: readonly Resource[] = [];
  #parseDiagnostics: readonly Diagnostic[] = [];
  /** Resources of the mesh in force. */
  #counted: readonly Resource[] = [];
  /** The same by key. */
  #inForce: ReadonlyMap<string, Resource> = new Map();
  #kept: KeptTexts | undefined;
  #state: MeshState | undefined;
  /** Shared by forks, so that no two meshes have one number. */
  readonly #generations: { last: number };

  constructor(compiler: Compiler, former?: MeshModel) {
    this.#compiler = compiler;
    if (former === undefined) {
      this.#documents = new LastGood(compiler.parseDocuments);
      this.#generations = { last: 0 };
      return;
    }
    this.#documents = former.#documents.fork();
    this.#generations = former.#generations;
    this.#resources = former.#resources;
    this.#parseDiagnostics = former.#parseDiagnostics;
    this.#counted = former.#counted;
    this.#inForce = former.#inForce;
    this.#state = former.#state;
  }

  /** Another version of the mesh beside this one: what both have in common stays the same objects. */
  fork(): MeshModel {
    return new MeshModel(this.#compiler, this);
  }

  get state(): MeshState | undefined {
    return this.#state;
  }

  /** Takes over what was in force before a restart, from {@link keptTexts}. */
  restore(kept: KeptTexts): void {
    this.#counted = this.#documents.restore(kept);
    this.#inForce = byKey(this.#counted);
  }

  setTexts(texts: FileTexts): void {
    const { resources, diagnostics } = this.#documents.update(texts);
    this.#resources = resources;
    this.#parseDiagnostics = diagnostics;
  }

  /** The texts that the mesh in force was read from; the same object until they change. */
  keptTexts(): KeptTexts {
    this.#kept ??= this.#documents.textsOf(this.#counted);
    return this.#kept;
  }

  /** The mesh of the newest documents and `instances`. */
  build(instances: readonly WorkloadInstance[]): MeshState {
    const previous = this.#state?.mesh;
    let built = this.#compiler.buildMesh(this.#resources, instances, previous, this.#inForce);
    const { diagnostics } = built;
    const refused = new Set(errorKeys(diagnostics));
    if (refused.size > 0) for (const { key } of built.counted) refused.delete(key);
    const substituted = refused.size === 0 ? undefined : this.#substitute(refused);
    if (substituted !== undefined) built = this.#compiler.buildMesh(substituted, instances, previous, this.#inForce);
    this.#enforce(built.counted);
    this.#state = {
      mesh: built.mesh,
      diagnostics: [...this.#parseDiagnostics, ...diagnostics],
      generation: (this.#generations.last += 1),
    };
    return this.#state;
  }

  #enforce(counted: readonly Resource[]): void {
    const changed = changedElements(this.#counted, counted);
    if (changed?.size === 0) return;
    const isInPlace = [...(changed ?? [])].every(([i, { key }]) => this.#counted[i]?.key === key);
    // of most edits the keys stay, and their places
    this.#inForce =
      changed !== undefined && isInPlace
        ? patchedMap(
            this.#inForce,
            [...changed.values()].map((resource) => [resource.key, resource]),
          )
        : byKey(counted);
    this.#counted = counted;
    this.#kept = undefined;
  }

  /** The resources with former versions of the refused ones, or undefined where there are none. */
  #substitute(refused: ReadonlySet<string>): readonly Resource[] | undefined {
    let isChanged = false;
    const resources = this.#resources.map((resource) => {
      const former = refused.has(resource.key) ? this.#inForce.get(resource.key) : undefined;
      if (former === undefined || former === resource || former.file !== resource.file) return resource;
      isChanged = true;
      return former;
    });
    return isChanged ? resources : undefined;
  }
}
