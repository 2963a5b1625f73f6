/**
 * All tests: `npm test`. `npm test -- --only src/wire` runs the files below one folder, without the checks.
 *
 * Unit tests stand beside the code; what starts real processes is under test/ and runs one file at a time, beside the
 * comparisons with Envoy: their ports are the kernel's choice, and they wait more than they work.
 */
import { globSync } from 'node:fs';
import { root, run, runBeside, runSteps } from './run.ts';

const only = process.argv[2] === '--only' ? process.argv.slice(3) : undefined;

const within = (pattern: string): string[] =>
  globSync(pattern, { cwd: root, exclude: (name) => name.includes('node_modules') })
    .filter((file) => only === undefined || only.some((prefix) => file.startsWith(prefix)))
    .toSorted();

/** Arguments of node's test runner. */
const testArgs = (files: readonly string[], concurrency: number): string[] => [
  '--test',
  `--test-concurrency=${concurrency}`,
  '--test-timeout=180000',
  ...files,
];

/** Files of two kinds, both at once, each a file at a time; those of the second are told of last. */
async function together(first: readonly string[], second: readonly string[]): Promise<number> {
  const tests = async (files: readonly string[], isShown: boolean): Promise<number> =>
    files.length === 0 ? 0 : runBeside('node', testArgs(files, 1), isShown);
  return Math.max(...(await Promise.all([tests(first, true), tests(second, false)])));
}

const unit = within('{src,dashboard,bench,tools,examples}/**/*.test.ts').concat(within('test/*.test.ts'));
const comparisons = within('test/differential/*.test.ts');
const processes = within('test/*/**/*.test.ts').filter((file) => !comparisons.includes(file));

await runSteps([
  ...(only === undefined ? ([['checks', () => run('node', ['tools/check.ts'])]] as const) : []),
  [`unit tests (${unit.length} files)`, () => (unit.length === 0 ? 0 : run('node', testArgs(unit, 2)))],
  [
    `tests with real processes (${processes.length} files) and comparisons with Envoy (${comparisons.length} files)`,
    () => together(processes, comparisons),
  ],
]);
