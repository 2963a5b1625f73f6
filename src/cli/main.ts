/**
 * The `tulle` program: a table of commands, each in a file of its own that is loaded when it is called, because a
 * proxy must not pay for the rest. A command's module exports `run(args)`, with the arguments after its name.
 */
import { usageError } from './errors.ts';
import { examplesText } from './examples.ts';
import { growYoungGeneration, startLean } from './lean-start.ts';
import { reported } from './report.ts';

interface CommandModule {
  run(args: readonly string[]): Promise<void>;
}

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Given the arguments that the command will be run with. */
  readonly load: (args: readonly string[]) => Promise<CommandModule>;
}

async function loadProxy(args: readonly string[]): Promise<CommandModule> {
  if (args[0] === 'certs') {
    const { run } = await import('./proxy-certs.ts');
    return { run: (rest) => run(rest.slice(1)) };
  }
  if (args[0] === 'snapshot') {
    const { run } = await import('./snapshot/command.ts');
    return { run: (rest) => run(rest.slice(1)) };
  }
  const compile = startLean();
  const { runProxy } = await import('./proxy.ts');
  return { run: (args) => runProxy(args, { onLive: compile, onTellsOfAll: growYoungGeneration, entry: import.meta.url }) };
}

/** Runs one of a proxy's event loops, in a worker thread; the main one is in the process that has begun it. */
export async function runWorkerThread(): Promise<void> {
  const { runWorker } = await import('../proxy/workers/worker.ts');
  await runWorker();
}

const COMMANDS: readonly CommandEntry[] = [
  { name: 'up', summary: 'start the mesh that a folder describes, until Ctrl-C', load: () => import('./up.ts') },
  { name: 'run', summary: 'put one more process into a running mesh', load: () => import('./run.ts') },
  { name: 'analyze', summary: 'say what is wrong with files, a folder or a running mesh', load: () => import('./analyze.ts') },
  { name: 'check', summary: 'say what is not healthy, and what to do about it', load: () => import('./check.ts') },
  { name: 'status', summary: 'list proxies: connected, in sync, refused configuration', load: () => import('./status.ts') },
  { name: 'proxy-status', summary: 'say whether proxies have what they were sent, and where not', load: () => import('./proxy-status.ts') },
  { name: 'proxy-config', summary: 'show the configuration that a proxy really has', load: () => import('./proxy-config.ts') },
  { name: 'explain', summary: 'say what would become of a request, and why', load: () => import('./explain.ts') },
  { name: 'why', summary: 'say who failed: an application, a proxy or the network', load: () => import('./why.ts') },
  { name: 'flows', summary: 'list requests and connections: denials, failures, a sample', load: () => import('./flows.ts') },
  { name: 'tap', summary: 'show every request as it happens', load: () => import('./tap.ts') },
  { name: 'stat', summary: 'say how often, well and fast services and routes answer', load: () => import('./stat.ts') },
  { name: 'top', summary: 'show what is busy, slow or failing now', load: () => import('./top.ts') },
  { name: 'edges', summary: 'say who calls whom, as whom, over mTLS or not', load: () => import('./edges.ts') },
  {
    name: 'prometheus-config',
    summary: "print a Prometheus' configuration that scrapes a mesh",
    load: () => import('./prometheus-config.ts'),
  },
  { name: 'grafana', summary: 'write dashboards for Grafana', load: () => import('./grafana.ts') },
  { name: 'mtls', summary: 'say who speaks plaintext, and whom STRICT would refuse', load: () => import('./mtls.ts') },
  { name: 'tax', summary: 'say what the mesh adds here: latency, CPU, memory', load: () => import('./tax.ts') },
  { name: 'plan', summary: 'say what an edit would change, before it is applied', load: () => import('./plan.ts') },
  { name: 'diff', summary: 'show how a folder or version differs from what is in force', load: () => import('./diff.ts') },
  { name: 'apply', summary: 'put a folder into force, at once or step by step', load: () => import('./apply.ts') },
  { name: 'rollout', summary: 'say how a new version fares; promote it or end it', load: () => import('./rollout.ts') },
  { name: 'history', summary: 'list the versions of what was applied', load: () => import('./history.ts') },
  { name: 'rollback', summary: 'put a former version into force', load: () => import('./rollback.ts') },
  { name: 'get', summary: 'list services, routes, policies or workloads', load: () => import('./get.ts') },
  { name: 'dashboard', summary: 'say where the dashboard of the running mesh is, and open it', load: () => import('./dashboard.ts') },
  { name: 'token', summary: 'create a token by which a proxy proves its identity', load: () => import('./token.ts') },
  { name: 'demo', summary: 'bring up the example shop and check what a mesh promises', load: () => import('./demo.ts') },
  { name: 'control', summary: 'run the control plane by itself', load: () => import('./control.ts') },
  { name: 'proxy', summary: 'run a proxy by itself, from an Envoy v3 bootstrap file', load: loadProxy },
  { name: 'version', summary: 'print versions', load: () => import('./version.ts') },
];

const EXAMPLES = [
  ['tulle up examples/shop/mesh', 'a mesh of real processes'],
  ['tulle run --name client -- curl -s http://payments:9090', 'one command inside it'],
  ['tulle status', 'what each proxy has'],
  ['tulle get routes -o yaml', 'what the mesh understood'],
] as const;

function helpText(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2;
  const commands = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join('\n');
  return `Usage: tulle <command> [options]\n\nCommands:\n${commands}\n\n${examplesText(EXAMPLES)}\n\ntulle <command> --help says more about each.\n`;
}

function commandNamed(name: string): CommandEntry {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  const near = COMMANDS.find((command) => command.name.startsWith(name.slice(0, 2)));
  const hint = near === undefined ? 'tulle --help lists the commands' : `did you mean tulle ${near.name}?`;
  throw usageError(`there is no command "${name}"`, hint);
}

async function dispatch(argv: readonly string[]): Promise<void> {
  const [name = 'help', ...rest] = argv;
  if (name === '--version' || name === '-V') return (await commandNamed('version').load(rest)).run(rest);
  if (name === 'help' && rest[0] !== undefined) return (await commandNamed(rest[0]).load(['--help'])).run(['--help']);
  if (name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(helpText());
    return undefined;
  }
  return (await commandNamed(name).load(rest)).run(rest);
}

/** Runs the command line `argv` (without program names); errors become lines on stderr and an exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  await reported(() => dispatch(argv));
}

if (import.meta.main) await main(process.argv.slice(2));
