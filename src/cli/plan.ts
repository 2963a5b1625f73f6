/** `tulle plan`: what an edit would change, before it is applied. */
import { Argument, Option } from 'commander';
import { buildMesh } from '../compile/dialects/build-mesh.ts';
import { parseDocuments } from '../compile/dialects/load.ts';
import { loadRe2 } from '../core/re2.ts';
import { readInput } from './read-input.ts';
import { newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { usageError } from './errors.ts';
import { jsonText } from './output.ts';
import type { Asked } from './explain/asked.ts';
import { worldOf } from './explain/folder-world.ts';
import { readFolder } from './read-folder.ts';
import { runningWorld } from './explain/running-world.ts';
import type { World } from './explain/world.ts';
import { fetchFlows } from './fetch-flows.ts';
import { filterError } from './flows/options.ts';
import { askedOfFlows } from './plan/kept-flows.ts';
import { touchedProxies } from './plan/proxy-changes.ts';
import { readRequests, requestChanges } from './plan/request-changes.ts';
import { type Plan, renderPlan } from './plan/render.ts';
import { resourceChanges, type Texts } from '../compile/changes/resource-changes.ts';
import { textsAt } from './plan/revision.ts';
import { readTexts } from './read-texts.ts';
import { findStateDir } from './state-dir.ts';

interface Options {
  readonly against?: string;
  readonly revision?: string;
  readonly requests?: string;
  /** A time; true where nothing is said, false for none. */
  readonly flows: string | boolean;
  readonly stateDir?: string;
  readonly output: 'text' | 'json';
}

/** What is compared: the texts of both sides, and the worlds that they make. */
interface Sides {
  readonly texts: readonly [before: Texts, after: Texts];
  readonly worlds: readonly [before: World, after: World];
}

/** The running mesh with other resources: whoever runs goes on running. */
function edited(running: World, texts: Texts): World {
  const resources = [...texts].flatMap(([file, text]) => parseDocuments(file, text).resources);
  return { ...running, mesh: buildMesh(resources, running.mesh.instances, running.mesh).mesh };
}

async function sidesOf(folder: string, { against, revision, stateDir }: Options): Promise<Sides> {
  const after = await readFolder(folder);
  if (against === undefined && revision === undefined) {
    const state = findStateDir(stateDir);
    const running = await runningWorld(state);
    return { texts: [await readTexts(state, '/api/sources'), after], worlds: [running, edited(running, after)] };
  }
  const before = revision === undefined ? await readFolder(against ?? folder) : textsAt(against ?? folder, revision);
  const former = worldOf(before);
  return { texts: [before, after], worlds: [former, worldOf(after, former)] };
}

/** Requests of a file, else those that the running mesh was told of. */
async function requestsFor({ requests, flows, against, revision, stateDir }: Options): Promise<Asked[]> {
  if (requests !== undefined) return readRequests(readInput(requests));
  const isRunning = against === undefined && revision === undefined;
  if (flows === false || (flows === true && !isRunning)) return [];
  const query = new URLSearchParams(typeof flows === 'string' ? { since: flows } : {});
  const state = findStateDir(stateDir);
  const [kept, { members }] = await Promise.all([
    fetchFlows(state, query.toString()).catch((error: unknown) => {
      throw filterError(error, { since: '--flows' });
    }),
    runningWorld(state),
  ]);
  const withProxy = new Set(
    members.filter(({ proxy }) => proxy !== undefined).map(({ namespace, workload }) => `${namespace}/${workload}`),
  );
  return askedOfFlows(kept, (workload) => withProxy.has(workload));
}

/** What is said where no kept request was found to look at; '' where none was wanted. */
export function noRequestsText({
  requests,
  flows,
  against,
  revision,
}: Pick<Options, 'requests' | 'flows' | 'against' | 'revision'>): string {
  if (requests !== undefined) return '';
  if (typeof flows === 'string') return `no requests were looked at: --flows ${flows} finds none that are kept`;
  return flows && against === undefined && revision === undefined ? 'no requests were looked at: none are kept' : '';
}

async function print(folder: string, options: Options): Promise<void> {
  if (options.against !== undefined && options.revision !== undefined)
    throw usageError('--against and --revision exclude each other', 'the folder is compared with one of them');
  const requests = await requestsFor(options);
  await loadRe2();
  const { texts, worlds } = await sidesOf(folder, options);
  for (const { severity, file, line, message } of [...texts[1]].flatMap(([name, text]) => parseDocuments(name, text).diagnostics))
    if (severity === 'error') process.stderr.write(`tulle: ${file}:${line}: ${message}; this resource is left out\n`);
  const plan: Plan = {
    resources: resourceChanges(...texts),
    proxies: touchedProxies(...worlds),
    asked: requests.length,
    requests: await requestChanges(...worlds, requests),
  };
  process.stdout.write(options.output === 'json' ? jsonText(plan) : renderPlan(plan, noRequestsText(options)));
}

/** Compares a folder with the mesh that runs, another folder, or a git revision of itself. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('plan', 'Says what applying a folder would change: resources, proxies, and what becomes of requests.', [
    ['tulle plan mesh', 'against the mesh that runs, for the requests that it was told of'],
    ['tulle plan mesh --revision HEAD', 'against what is committed'],
    ['tulle plan new --against old --requests sample.jsonl', 'between two folders, for a file of requests'],
  ])
    .addArgument(new Argument('<folder>', 'the folder of YAML that is to be applied'))
    .addOption(new Option('--against <folder>', 'compare with this folder, in place of the mesh that runs'))
    .addOption(new Option('--revision <rev>', 'compare with this git revision of the folder'))
    .addOption(new Option('--requests <file>', 'requests to explain on both sides, one JSON object a line; - is the input'))
    .option('--flows <time>', 'look at the requests that the running mesh was told of since then: 10m (ago); all of them where not said')
    .option('--no-flows', 'look at none of them')
    .addOption(stateDirOption())
    .addOption(outputOption(['text', 'json']))
    .action(print);
  await runCommand(command, args);
}
