/**
 * All tests: `npm test`. `npm test -- --only src/wire` runs the files below one folder, without the checks.
 *
 * Unit tests stand beside the code; what starts real processes is under test/ and runs one file at a time, but for the
 * comparisons with Envoy: their ports are the kernel's choice, and they wait more than they work.
 */
import { globSync } from 'node:fs';
import { root, run, runSteps } from './run.ts';

const only = process.argv[2] === '--only' ? process.argv.slice(3) : undefined;

const within = (pattern: string): string[] =>
  globSync(pattern, { cwd: root, exclude: (name) => name.includes('node_modules') })
    .filter((file) => only === undefined || only.some((prefix) => file.startsWith(prefix)))
    .toSorted();

/** Files of one kind under node's test runner; nothing to run is a pass. */
function tests(files: readonly string[], concurrency: number): number {
  if (files.length === 0) return 0;
  return run('node', ['--test', `--test-concurrency=${concurrency}`, '--test-timeout=180000', ...files]);
}

const unit = within('{src,dashboard,bench,tools,examples}/**/*.test.ts').concat(within('test/*.test.ts'));
const comparisons = within('test/differential/*.test.ts');
const processes = within('test/*/**/*.test.ts').filter((file) => !comparisons.includes(file));

runSteps([
  ...(only === undefined ? ([['checks', () => run('node', ['tools/check.ts'])]] as const) : []),
  [`unit tests (${unit.length} files)`, () => tests(unit, 2)],
  [`comparisons with Envoy (${comparisons.length} files)`, () => tests(comparisons, 2)],
  [`tests with real processes (${processes.length} files)`, () => tests(processes, 1)],
]);
