/**
 * The mesh over time: documents and instances in, one immutable mesh out. A resource that parses but does not fit
 * the mesh is refused too, and its former version takes its place.
 */
import type { Mesh } from '../model/mesh.ts';
import type { Diagnostic } from '../model/provenance.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import type { Compiler, Resource } from './compiler.ts';
import type { FileTexts } from './sources/files.ts';
import { LastGood } from './sources/last-good.ts';

export interface MeshState {
  readonly mesh: Mesh;
  readonly diagnostics: readonly Diagnostic[];
  /** Grows by one with every new mesh. */
  readonly generation: number;
}

function errorKeys(diagnostics: readonly Diagnostic[]): Set<string> {
  return new Set(diagnostics.flatMap(({ severity, resource }) => (severity === 'error' && resource !== undefined ? [resource] : [])));
}

/** Holds what was accepted, so that it can stand in for what is not. */
export class MeshModel {
  readonly #compiler: Compiler;
  readonly #documents: LastGood;
  #resources: readonly Resource[] = [];
  #parseDiagnostics: readonly Diagnostic[] = [];
  /** Resources of the mesh in force, by key. */
  #inForce = new Map<string, Resource>();
  #state: MeshState | undefined;

  constructor(compiler: Compiler) {
    this.#compiler = compiler;
    this.#documents = new LastGood(compiler.parseDocuments);
  }

  get state(): MeshState | undefined {
    return this.#state;
  }

  setTexts(texts: FileTexts): void {
    const { resources, diagnostics } = this.#documents.update(texts);
    this.#resources = resources;
    this.#parseDiagnostics = diagnostics;
  }

  /** The mesh of the newest documents and `instances`. */
  build(instances: readonly WorkloadInstance[]): MeshState {
    const previous = this.#state?.mesh;
    let built = this.#compiler.buildMesh(this.#resources, instances, previous);
    const { diagnostics } = built;
    let resources = this.#resources;
    const substituted = this.#substitute(errorKeys(diagnostics));
    if (substituted !== undefined) {
      resources = substituted;
      built = this.#compiler.buildMesh(substituted, instances, previous);
    }
    const refused = errorKeys(built.diagnostics);
    this.#inForce = new Map(resources.filter(({ key }) => !refused.has(key)).map((resource) => [resource.key, resource]));
    this.#state = {
      mesh: built.mesh,
      diagnostics: [...this.#parseDiagnostics, ...diagnostics],
      generation: (this.#state?.generation ?? 0) + 1,
    };
    return this.#state;
  }

  /** The resources with former versions of the refused ones, or undefined where there are none. */
  #substitute(refused: ReadonlySet<string>): readonly Resource[] | undefined {
    let isChanged = false;
    const resources = this.#resources.map((resource) => {
      const former = refused.has(resource.key) ? this.#inForce.get(resource.key) : undefined;
      if (former === undefined || former === resource) return resource;
      isChanged = true;
      return former;
    });
    return isChanged ? resources : undefined;
  }
}
