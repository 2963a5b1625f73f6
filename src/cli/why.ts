/** `tulle why`: who failed, of the five places where a call can fail, with the evidence. */
import { logOption, newCommand, outputOption, runCommand, stateDirOption } from './command.ts';
import { CliError, usageError } from './errors.ts';
import { passageIn } from './explain/log-line.ts';
import { findRequest } from './explain/past-request.ts';
import { fetchFlowsOf } from './fetch-flows.ts';
import { logsOf } from './mesh-logs.ts';
import { hasColours, jsonText, paragraphWidth, terminalWidth } from './output.ts';
import { findStateDir, type StateDir } from './state-dir.ts';
import { diagnose } from './why/diagnose.ts';
import { fetchFacts, NO_FACTS } from './why/facts.ts';
import { type Hop, hopOfFlow, hopOfPassage } from './why/hop.ts';
import { renderDiagnosis } from './why/render.ts';

interface Options {
  readonly log: readonly string[];
  readonly stateDir?: string;
  readonly output: 'text' | 'json';
}

/** The state directory of a mesh; undefined where there is none: a line speaks for itself. */
function stateIn(stateDir: string | undefined): StateDir | undefined {
  try {
    return findStateDir(stateDir);
  } catch (error) {
    if (stateDir !== undefined) throw error;
    return undefined;
  }
}

/** What the control plane has kept of a request; nothing where none answers. */
async function keptHops(state: StateDir | undefined, id: string): Promise<readonly Hop[]> {
  if (state === undefined) return [];
  const flows = await fetchFlowsOf(state, id);
  const ended = flows.filter((flow) => flow.isOpen !== true);
  if (ended.length === 0 && flows.length > 0)
    throw new CliError(`request ${id} has not ended`, 'ask again when it has; tulle flows shows what is known of it so far');
  return ended.map(hopOfFlow);
}

/** What access logs have of a request. */
async function loggedHops(logs: readonly string[], id: string): Promise<readonly Hop[]> {
  const passages = await findRequest(logs, id).catch((error: unknown) => {
    if (error instanceof CliError) return [];
    throw error;
  });
  return passages.map(hopOfPassage);
}

/** Kept records, and of what no record is kept the lines of logs. */
async function hopsOf(state: StateDir | undefined, logs: readonly string[], id: string): Promise<readonly Hop[]> {
  const [kept, logged] = await Promise.all([keptHops(state, id), loggedHops(logs, id)]);
  const told = new Set(kept.map(({ proxy, side }) => `${proxy} ${side === 'server'}`));
  return [...kept, ...logged.filter(({ proxy, side }) => !told.has(`${proxy} ${side === 'server'}`))];
}

async function gather(given: string, options: Options): Promise<readonly Hop[]> {
  const state = stateIn(options.stateDir);
  const logs = options.log.length > 0 ? options.log : state === undefined ? [] : logsOf(state);
  const line = passageIn(given, '');
  if (line === undefined && (given.includes(' ') || given.startsWith('{')))
    throw usageError(
      'this is no line of an access log',
      "it is read in Istio's usual format, as text or JSON; or give the request id alone",
    );
  const id = line?.requestId ?? given;
  const hops = id === '' ? [] : await hopsOf(state, logs, id);
  if (hops.length > 0) return hops;
  if (line !== undefined) return [hopOfPassage(line)];
  const isAnswering = state !== undefined && (await fetchFacts(state)) !== NO_FACTS;
  throw new CliError(
    `nothing is known of a request ${id}`,
    `${isAnswering ? 'no flow record is kept' : 'no control plane answers, which may have a flow record'}, and ${logs.length} access ${logs.length === 1 ? 'log has' : 'logs have'} no such id; a whole line of an access log can be given in its place`,
  );
}

async function why(words: readonly string[], options: Options): Promise<void> {
  const hops = await gather(words.join(' ').trim(), options);
  const state = stateIn(options.stateDir);
  const diagnosis = diagnose(hops, state === undefined ? NO_FACTS : await fetchFacts(state));
  process.stdout.write(
    options.output === 'json' ? jsonText(diagnosis) : renderDiagnosis(diagnosis, paragraphWidth(), hasColours(), terminalWidth()),
  );
}

const EXAMPLES = [
  ['tulle why 40fe9504-77b8-455e-9dd7-0c31744cd4c2', 'by the x-request-id that the client got or logged'],
  [`tulle why '[2026-11-22T00:01:02.345Z] "GET / HTTP/1.1" 503 UF …'`, 'by a line of an access log'],
] as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand(
    'why',
    'Says in one paragraph which of the five places failed: the calling application, its proxy, the network, the called proxy, or the called application.',
    EXAMPLES,
  )
    .argument('<request-id or line...>', 'the x-request-id of a request, or a line of an access log')
    .addOption(logOption())
    .addOption(stateDirOption())
    .addOption(outputOption(['text', 'json']))
    .action(why);
  await runCommand(command, args);
}
