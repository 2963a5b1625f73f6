// Runs after `npm ci` on whatever Node the machine has (>= 20): generates the xDS types with the pinned
// runtime. In an installed package there is nothing to generate.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const tool = fileURLToPath(new URL('gen-xds.ts', import.meta.url));
if (existsSync(tool) && existsSync(fileURLToPath(new URL('../node_modules/@bufbuild/buf', import.meta.url)))) {
  // npm puts node_modules/.bin first on the path, where the pinned Node is
  const run = spawnSync('node', [tool], { stdio: 'inherit' });
  process.exit(run.status ?? 1);
}
