/** `tulle analyze`: what is wrong with a mesh, before it is applied or while it runs. */
import { Option } from 'commander';
import { analyze, reaches } from '../compile/analyze/analyze.ts';
import { analysisCodes, type Severity } from '../compile/analyze/codes.ts';
import type { Finding } from '../compile/analyze/finding.ts';
import { parseSuppression, type Suppression } from '../compile/analyze/suppress.ts';
import { diagnosticCodes } from '../compile/schema/codes.ts';
import { messageOf } from '../core/errors.ts';
import { loadRe2 } from '../core/re2.ts';
import { formatGithub } from './analyze/format-github.ts';
import { formatSarif } from './analyze/format-sarif.ts';
import { formatText } from './analyze/format-text.ts';
import { refusedByProxy } from './analyze/refused-by-proxy.ts';
import { readMesh, readPaths, type Sources } from './analyze/sources.ts';
import { newCommand, outputOption, repeatedOption, runCommand, stateDirOption } from './command.ts';
import { EXIT, usageError } from './errors.ts';
import { hasColours, jsonText } from './output.ts';
import { packageVersion } from './package-version.ts';
import { findStateDir } from './state-dir.ts';

type Format = 'text' | 'json' | 'sarif' | 'github';

interface Options {
  readonly stateDir?: string;
  readonly output: Format;
  readonly threshold: Severity;
  readonly suppress: readonly string[];
  readonly listCodes?: boolean;
}

function suppressionOf(text: string): Suppression {
  try {
    return parseSuppression(text);
  } catch (cause) {
    throw usageError(messageOf(cause), 'e.g. --suppress "IST0101=Gateway *.edge"', cause);
  }
}

function sourcesOf(paths: readonly string[], { stateDir }: Options): Sources | Promise<Sources> {
  if (paths.length === 0) return readMesh(findStateDir(stateDir));
  if (stateDir === undefined) return readPaths(paths);
  throw usageError('paths and --state-dir exclude each other', 'a running mesh is analysed with the files that it reads');
}

function codeList(): string {
  const own = Object.entries(analysisCodes).map(([code, { severity, title }]) => `${code}  ${severity.padEnd(7)}  ${title}`);
  const compiler = Object.entries(diagnosticCodes).map(([code, title]) => `${code.padEnd(7)}           ${title}`);
  return `${[...own, ...compiler].join('\n')}\n`;
}

function formatted(findings: readonly Finding[], format: Format, files: number): string {
  if (format === 'json') return jsonText(findings);
  if (format === 'sarif') return formatSarif(findings, packageVersion());
  if (format === 'github') return formatGithub(findings);
  return formatText(findings, files, hasColours());
}

async function analyzeSources(paths: readonly string[], options: Options): Promise<void> {
  if (options.listCodes === true) {
    process.stdout.write(codeList());
    return;
  }
  const suppressions = options.suppress.map(suppressionOf);
  // expressions are judged by RE2 itself
  await loadRe2();
  const sources = await sourcesOf(paths, options);
  const findings = analyze({ ...sources, suppressions, refusedByProxy });
  process.stdout.write(formatted(findings, options.output, sources.texts.size));
  if (findings.some(({ severity }) => reaches(severity, options.threshold))) process.exitCode = EXIT.failed;
}

/** Prints what is found; exit code 1 where something is as bad as the threshold. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand(
    'analyze',
    'Says what is wrong with a mesh, and what it does to traffic: files, folders ("-" is the input), or the one that runs.',
    [
      ['tulle analyze mesh/', 'a folder, before it is applied'],
      ['tulle analyze', 'the mesh that runs'],
      ['tulle analyze mesh/ --threshold warning -o github', 'in a workflow of GitHub'],
      ['tulle analyze mesh/ --suppress "IST0101=Gateway *.edge"', 'without what is known'],
    ],
  )
    .argument('[paths...]', 'files and folders; none: the running mesh')
    .addOption(stateDirOption())
    .addOption(outputOption(['text', 'json', 'sarif', 'github']))
    .addOption(
      new Option('--threshold <severity>', 'exit with 1 where something is this bad')
        .choices(['error', 'warning', 'info'])
        .default('error'),
    )
    .addOption(repeatedOption('--suppress <code=resource>', 'findings to leave out, * for any text', 'none'))
    .option('--list-codes', 'list the codes, and analyse nothing')
    .action(analyzeSources);
  await runCommand(command, args);
}
