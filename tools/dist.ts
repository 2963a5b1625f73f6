/**
 * What `dist/` is: what an installed package runs. Node refuses to strip types under node_modules, so each kind of
 * process is one bundle of JavaScript; koffi stays outside (it carries a native library). What a start-up snapshot is
 * made of, and what makes it, are scripts of their own (src/cli/snapshot); the dashboard's page is a folder of its own.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { BUNDLE, SNAPSHOT_BUNDLE } from './bundle.ts';
import { buildDashboard } from './dashboard.ts';
import { root } from './run.ts';

const source = (file: string): string => path.join(root, 'src/cli', file);

/** Builds it in a folder, in the place of what is there. */
export async function buildDist(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await build({ ...BUNDLE, entryPoints: { tulle: source('main.ts') }, outdir: folder });
  await build({
    ...SNAPSHOT_BUNDLE,
    entryPoints: { proxy: source('snapshot/program.ts'), 'proxy-builder': source('snapshot/builder.ts') },
    outdir: folder,
    outExtension: { '.js': '.cjs' },
  });
  await buildDashboard(path.join(folder, 'dashboard'));
}
