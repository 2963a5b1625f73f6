// Runs after `npm ci` on whatever Node the machine has (>= 20): generates the xDS types with the pinned runtime, and
// builds the dashboard's page, which a clone serves as well. In an installed package there is nothing to do.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const beside = (name) => fileURLToPath(new URL(name, import.meta.url));

const TOOLS = [
  { tool: 'gen-xds.ts', needs: '../node_modules/@bufbuild/buf' },
  { tool: 'dashboard.ts', needs: '../node_modules/preact' },
];

for (const { tool, needs } of TOOLS) {
  if (!existsSync(beside(tool)) || !existsSync(beside(needs))) continue;
  // npm puts node_modules/.bin first on the path, where the pinned Node is
  const { status } = spawnSync('node', [beside(tool)], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
