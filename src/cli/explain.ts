/** `tulle explain`: what becomes of a request, decision by decision, before anybody sends it, or beside what became of it. */
import { existsSync } from 'node:fs';
import { Argument, Option } from 'commander';
import { loadRe2 } from '../core/re2.ts';
import { callControl } from './admin-client.ts';
import { logOption, newCommand, outputOption, repeatedOption, runCommand, stateDirOption } from './command.ts';
import { usageError } from './errors.ts';
import { type Asked, readAsked, readHeader, readWorkloadName } from './explain/asked.ts';
import { explain } from './explain/explain.ts';
import { worldOf } from './explain/folder-world.ts';
import { readFolder } from './read-folder.ts';
import { keptPassages } from './explain/kept-passages.ts';
import type { Passage } from './explain/log-line.ts';
import { askedOfPast, findRequest, sentBy } from './explain/past-request.ts';
import { explanationJson, renderExplanation } from './explain/render.ts';
import { renderPast } from './explain/render-past.ts';
import { runningWorld } from './explain/running-world.ts';
import type { World } from './explain/world.ts';
import { rolloutText } from './history/held.ts';
import { isObject, textOf } from './json.ts';
import { jsonText } from './output.ts';
import { logsOf } from './mesh-logs.ts';
import { findStateDir, type StateDir } from './state-dir.ts';

interface Options {
  readonly from?: string;
  readonly gateway?: string;
  readonly to?: string;
  readonly requestId?: string;
  readonly log: readonly string[];
  readonly method?: string;
  readonly header: readonly string[];
  readonly stateDir?: string;
  readonly output: 'text' | 'json';
}

function askedOf({ from, gateway, to, method, header }: Options): Asked {
  if (to === undefined) throw usageError('which request?', '--to names a URL, --request-id one that was');
  return readAsked({ from, gateway, to, method, headers: header.map(readHeader) });
}

/** The mesh of a folder, with what is wrong with its files on stderr. */
async function folderWorld(folder: string): Promise<World> {
  const world = worldOf(await readFolder(folder));
  for (const { severity, file, line, message } of world.diagnostics) {
    if (severity === 'error') process.stderr.write(`tulle: ${file}:${line}: ${message}; this resource is left out\n`);
  }
  return world;
}

/** Some proxies try another version than the one in force, by which is explained: that must be known. */
async function noteRollout(state: StateDir): Promise<void> {
  const answer = await callControl(state, '/api/rollout').catch(() => undefined);
  const tried = isObject(answer) ? rolloutText(answer) : undefined;
  if (tried !== undefined && isObject(answer))
    process.stderr.write(`tulle: explained by version ${textOf(answer['version'])}, which is in force; ${tried}\n`);
}

async function worldBy(folder: string | undefined, stateDir: string | undefined): Promise<World> {
  if (folder !== undefined) return folderWorld(folder);
  const state = findStateDir(stateDir);
  await noteRollout(state);
  return runningWorld(state);
}

async function passagesOf(id: string, { log, stateDir }: Options): Promise<readonly Passage[]> {
  if (log.length > 0) return findRequest(log, id);
  const state = findStateDir(stateDir);
  return findRequest(logsOf(state), id, await keptPassages(state, id));
}

async function printPast(id: string, folder: string | undefined, options: Options): Promise<void> {
  const strange = (['to', 'method', 'gateway'] as const).find((option) => options[option] !== undefined);
  if (strange !== undefined) throw usageError(`--${strange} and --request-id exclude each other`, 'the log says what that request was');
  const passages = await passagesOf(id, options);
  const world = await worldBy(folder, options.stateDir);
  const sent = sentBy(passages, options.from === undefined ? undefined : readWorkloadName(options.from));
  const asked = askedOfPast(sent, world, options.header.map(readHeader));
  const explanation = await explain(world, asked);
  const text =
    options.output === 'json'
      ? jsonText({ id, was: passages, ...explanationJson(asked, explanation) })
      : renderPast(id, passages, sent, explanation) + renderExplanation(asked, explanation);
  process.stdout.write(text);
}

/** A request's id in place of a folder: ids are UUIDs, unless an application makes others. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

async function print(first: string | undefined, options: Options): Promise<void> {
  const isId = first !== undefined && UUID.test(first) && !existsSync(first);
  const [id, folder] = isId ? [first, undefined] : [options.requestId, first];
  await loadRe2();
  if (id !== undefined) return printPast(id, folder, options);
  if (options.log.length > 0) throw usageError('--log goes with the id of a request', 'which is looked for in that log: --request-id <id>');
  const asked = askedOf(options);
  const explanation = await explain(await worldBy(folder, options.stateDir), asked);
  const text = options.output === 'json' ? jsonText(explanationJson(asked, explanation)) : renderExplanation(asked, explanation);
  process.stdout.write(text);
}

/** Explains one request, over a folder of YAML or the mesh that runs. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('explain', 'Says what would become of a request: each decision on its way, and where that was written.', [
    ['tulle explain mesh --from web --to http://reviews:9081', 'over a folder; nothing needs to run'],
    ['tulle explain --from shop/web --to http://reviews:9081', 'in the mesh that runs'],
    ['... --to http://pay:9090/charge --method POST -H x-a:b', 'another method, with a header'],
    ['... --to tcp://orders-db:5432', 'a connection of bytes'],
    ['tulle explain mesh --to http://shop.example:8080/', 'through a gateway'],
    ['tulle explain mesh --from outside --to http://pay:9090', 'by somebody without a proxy'],
    ['tulle explain 40fe9504-77b8-455e-9dd7-0c31744cd4c2', 'what became of a request, and what would become of it now'],
  ])
    .addArgument(new Argument('[folder]', 'a folder of YAML to explain by, in place of a running mesh; or the id of a request that was'))
    .addOption(new Option('--from <workload>', 'who calls: namespace/name, or outside; without it the request comes through a gateway'))
    .addOption(new Option('--gateway <workload>', 'which gateway, where several have the port'))
    .addOption(new Option('--to <url>', 'http, https, grpc or tcp URL as the client writes it'))
    .addOption(
      new Option('--request-id <id>', 'a request that was: its x-request-id, found in access logs and flow records, in place of --to'),
    )
    .addOption(logOption())
    .addOption(new Option('--method <method>', 'the method (default: GET, of grpc POST)'))
    .addOption(repeatedOption('-H, --header <name:value>', 'a header', 'none'))
    .addOption(stateDirOption())
    .addOption(outputOption(['text', 'json']))
    .action(print);
  await runCommand(command, args);
}
