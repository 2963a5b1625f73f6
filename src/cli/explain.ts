/** `tulle explain`: what becomes of a request, decision by decision, before anybody sends it. */
import { Argument, Option } from 'commander';
import { loadRe2 } from '../core/re2.ts';
import { newCommand, runCommand, stateDirOption } from './command.ts';
import { type Asked, readHeader, readTarget, readWorkloadName } from './explain/asked.ts';
import { explain } from './explain/explain.ts';
import { readFolder, worldOf } from './explain/folder-world.ts';
import { explanationJson, renderExplanation } from './explain/render.ts';
import { runningWorld } from './explain/running-world.ts';
import type { World } from './explain/world.ts';
import { findStateDir } from './state-dir.ts';

interface Options {
  readonly from?: string;
  readonly gateway?: string;
  readonly to: string;
  readonly method?: string;
  readonly header: readonly string[];
  readonly stateDir?: string;
  readonly output: 'text' | 'json';
}

function askedOf({ from, gateway, to, method, header }: Options): Asked {
  const target = readTarget(to);
  return {
    from: from === undefined || from === 'outside' ? from : readWorkloadName(from),
    via: gateway === undefined ? undefined : readWorkloadName(gateway),
    to: target,
    method: method?.toUpperCase() ?? (target.scheme === 'grpc' ? 'POST' : 'GET'),
    headers: header.map(readHeader),
  };
}

/** The mesh of a folder, with what is wrong with its files on stderr. */
async function folderWorld(folder: string): Promise<World> {
  const world = worldOf(await readFolder(folder));
  for (const { severity, file, line, message } of world.diagnostics) {
    if (severity === 'error') process.stderr.write(`tulle: ${file}:${line}: ${message}; this resource is left out\n`);
  }
  return world;
}

async function print(folder: string | undefined, options: Options): Promise<void> {
  const asked = askedOf(options);
  await loadRe2();
  const world = folder === undefined ? await runningWorld(findStateDir(options.stateDir)) : await folderWorld(folder);
  const explanation = await explain(world, asked);
  const text =
    options.output === 'json'
      ? `${JSON.stringify(explanationJson(asked, explanation), undefined, 2)}\n`
      : renderExplanation(asked, explanation);
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
  ])
    .addArgument(new Argument('[folder]', 'a folder of YAML to explain by, in place of a running mesh'))
    .addOption(new Option('--from <workload>', 'who calls: namespace/name, or outside; without it the request comes through a gateway'))
    .addOption(new Option('--gateway <workload>', 'which gateway, where several have the port'))
    .addOption(new Option('--to <url>', 'http, https, grpc or tcp URL as the client writes it').makeOptionMandatory())
    .addOption(new Option('--method <method>', 'the method (default: GET, of grpc POST)'))
    .addOption(
      new Option('-H, --header <name:value>', 'a header; may be given several times')
        .default([], 'none')
        .argParser((value: string, before: readonly string[]) => [...before, value]),
    )
    .addOption(stateDirOption())
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action(print);
  await runCommand(command, args);
}
