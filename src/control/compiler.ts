/** What the shell needs of the compiler, so that it can be tested with a small one. */
import type { Compiled, ProxyNode } from '../compile/compile.ts';
import type { CompiledResource } from '../compile/emit/resource.ts';
import type { Resource } from '../compile/dialects/dialect.ts';
import type { KeySet } from '../model/key-set.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Diagnostic } from '../model/provenance.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import type { Node } from '../xds/gen/envoy/config/core/v3/base_pb.ts';

export type { Compiled, CompiledResource, ProxyNode, Resource };

export interface Compiler {
  /** The resources of one file's text; what is wrong with the others. */
  readonly parseDocuments: (
    file: string,
    text: string,
  ) => { readonly resources: readonly Resource[]; readonly diagnostics: readonly Diagnostic[] };
  /**
   * The mesh; parts that did not change since `previous` are the same objects. Of several copies of a resource the one
   * whose file is `inForce` counts. `counted` is what the mesh is made of. `keySets` are keys of token issuers.
   */
  readonly buildMesh: (
    resources: readonly Resource[],
    instances: readonly WorkloadInstance[],
    previous?: Mesh,
    inForce?: ReadonlyMap<string, Resource>,
    keySets?: readonly KeySet[],
  ) => { readonly mesh: Mesh; readonly diagnostics: readonly Diagnostic[]; readonly counted: readonly Resource[] };
  readonly compile: (mesh: Mesh, proxy: ProxyNode) => Compiled;
  /** Throws ConfigError where the node cannot be read. */
  readonly proxyNodeOf: (node: Node) => ProxyNode;
}
