/**
 * Builds `dist/`: what an installed package runs. Node refuses to strip types under node_modules, so each kind of
 * process is one bundle of JavaScript; koffi stays outside (it carries a native library).
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { BUNDLE } from './bundle.ts';
import { root } from './run.ts';

const dist = path.join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
await build({ ...BUNDLE, entryPoints: { tulle: path.join(root, 'src/cli/main.ts') }, outdir: dist });
