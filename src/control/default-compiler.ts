/** The compiler that a control plane runs with. */
import { compile } from '../compile/compile.ts';
import { buildMesh } from '../compile/dialects/build-mesh.ts';
import { parseOnce } from '../compile/dialects/parse-once.ts';
import { proxyNodeOf } from '../compile/emit/proxy-node.ts';
import type { Compiler } from './compiler.ts';

/** Everything that we read, and everything that we emit. */
export const defaultCompiler: Compiler = { parseDocuments: parseOnce, buildMesh, compile, proxyNodeOf };
