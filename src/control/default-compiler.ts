/** The compiler that a control plane runs with. */
import { compile } from '../compile/compile.ts';
import { buildMesh } from '../compile/dialects/build-mesh.ts';
import { parseDocuments } from '../compile/dialects/load.ts';
import { proxyNodeOf } from '../compile/emit/proxy-node.ts';
import type { Compiler } from './compiler.ts';

/** Everything that we read, and everything that we emit. */
export const defaultCompiler: Compiler = { parseDocuments, buildMesh, compile, proxyNodeOf };
