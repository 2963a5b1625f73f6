/**
 * All tests: `npm test`. `npm test -- --only src/wire` runs the files below one folder, without the checks.
 *
 * Unit tests stand beside the code; what starts real processes is under test/ and runs one file at a time, beside the
 * comparisons with Envoy: their ports are the kernel's choice, and they wait more than they work.
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root, run, runBeside, runSteps } from './run.ts';

const only = process.argv[2] === '--only' ? process.argv.slice(3) : undefined;

const within = (pattern: string): string[] =>
  globSync(pattern, { cwd: root, exclude: (name) => name.includes('node_modules') })
    .filter((file) => only === undefined || only.some((prefix) => file.startsWith(prefix)))
    .toSorted();

/** Arguments of node's test runner; `failed` takes a line for each file of which a test failed. */
const testArgs = (files: readonly string[], concurrency: number, failed?: string): string[] => [
  '--test',
  `--test-concurrency=${concurrency}`,
  '--test-timeout=180000',
  ...(failed === undefined
    ? []
    : [
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        `--test-reporter=${path.join(root, 'tools/failed-files.ts')}`,
        `--test-reporter-destination=${failed}`,
      ]),
  ...files,
];

/** More than so many files that fail are no accident of the machine. */
const MAX_SECOND_CHANCES = 4;

/**
 * Files of two kinds, both at once, each a file at a time; those of the second are told of last. What fails there, where
 * a busy machine may hold up any process for seconds, runs once more with nothing beside it: a fault fails again. A file
 * that passes then is named at the end: its test or the product has a race to find.
 */
async function together(first: readonly string[], second: readonly string[]): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-tests-'));
  const tests = async (files: readonly string[], isShown: boolean): Promise<readonly string[]> => {
    if (files.length === 0) return [];
    const list = path.join(folder, String(isShown));
    const status = await runBeside('node', testArgs(files, 1, list), isShown);
    const failed = readFileSync(list, 'utf8').split('\n').filter(Boolean);
    return status === 0 || failed.length > 0 ? failed : files;
  };
  const failed = (await Promise.all([tests(first, true), tests(second, false)])).flat();
  rmSync(folder, { recursive: true });
  if (failed.length === 0 || failed.length > MAX_SECOND_CHANCES) return failed.length === 0 ? 0 : 1;
  console.log(`once more, alone: ${failed.join(', ')}`);
  const status = run('node', testArgs(failed, 1));
  if (status === 0) console.log(`PASSED ONLY ALONE: ${failed.join(', ')}`);
  return status;
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
