/** What must hold of the sources before any test runs: `npm run check`. */
import { run, runSteps } from './run.ts';

await runSteps([
  ['format (oxfmt)', () => run('oxfmt', ['--check'])],
  ['types (tsc)', () => run('tsc', [])],
  ['types of the dashboard (tsc)', () => run('tsc', ['--project', 'dashboard'])],
  ['lint (oxlint, type-aware)', () => run('oxlint', ['--type-aware', '--quiet'])],
  ['unused exports, files and dependencies (knip)', () => run('knip', ['--no-progress'])],
]);
