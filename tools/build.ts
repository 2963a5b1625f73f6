/**
 * Builds `dist/`: what an installed package runs. Node refuses to strip types under node_modules, so each kind of
 * process is one bundle of JavaScript; koffi stays outside (it carries a native library).
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { root } from './run.ts';

const dist = path.join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
await build({
  entryPoints: { tulle: path.join(root, 'src/cli/main.ts') },
  outdir: dist,
  bundle: true,
  // a process loads only the chunks of the command that it runs
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  keepNames: true,
  external: ['koffi'],
  // commander and yaml are CommonJS inside, and ask for require
  banner: { js: "import { createRequire as tulleRequire } from 'node:module'; const require = tulleRequire(import.meta.url);" },
  outExtension: { '.js': '.js' },
  legalComments: 'none',
  logLevel: 'warning',
});
