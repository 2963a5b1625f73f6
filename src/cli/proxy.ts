/** `tulle proxy`: one proxy by itself, from an Envoy v3 bootstrap file. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { ConfigError } from '../core/errors.ts';
import { createLog, type LeveledLog, type LogLevel } from '../core/log.ts';
import { timerMs } from '../core/timer-limit.ts';
import { loadBootstrap, type LoadedBootstrap } from '../proxy/config/bootstrap.ts';
import { type ProxyOptions, type RunningProxy, startProxy, validateBootstrap } from '../proxy/main.ts';
import { newCommand, runCommand } from './command.ts';
import { CliError, usageError } from './errors.ts';
import { packageVersion } from './package-version.ts';

interface ProxyFlags {
  readonly config: string;
  readonly logLevel: LogLevel;
  readonly drainTimeS: string;
  readonly drainStrategy: 'immediate' | 'gradual';
  readonly parentShutdownTimeS: string | undefined;
  readonly concurrency: string;
  readonly restart: boolean | string | undefined;
  readonly mode: 'serve' | 'validate';
}

/** How the command is run, besides its arguments. */
export interface RunOptions {
  /** Called when the proxy begins to serve. */
  readonly onLive: () => void;
  /** Called when the configuration tells of every request; see `ProxyOptions`. */
  readonly onTellsOfAll?: () => void;
  /** URL of the module that has `runWorkerThread`; undefined where this process can have no threads. */
  readonly entry: string | undefined;
}

const EXAMPLES = [
  ['tulle proxy -c bootstrap.yaml', 'serve until SIGTERM, then drain'],
  ['tulle proxy -c bootstrap.yaml --restart', 'take over from the proxy that runs, which drains'],
  ['tulle proxy -c bootstrap.yaml --concurrency 0', 'an event loop for every core'],
  ['tulle proxy -c bootstrap.yaml --mode validate', 'say what is wrong with a bootstrap'],
] as const;

/** Why a running proxy ends, and by when, in milliseconds. */
interface End {
  readonly cause: string;
  readonly withinMs: number;
}

/** How long a process that has closed everything may go on. */
const LINGER_MS = 500;

function nextSignal(): Promise<End> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve({ cause: name, withinMs: Infinity }));
  });
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms < Infinity) setTimeout(resolve, timerMs(ms)).unref();
  });
}

/** Runs until a signal, or until something else ends it; drains then. A second signal ends it at once. */
async function untilEnd(proxy: RunningProxy, log: LeveledLog, otherwise: Promise<End>): Promise<void> {
  const { cause, withinMs } = await Promise.race([nextSignal(), otherwise]);
  log.info('draining', { cause });
  await Promise.race([proxy.drain(), nextSignal(), wait(withinMs)]);
  await proxy.close();
  // whoever does not answer a request of our own must not hold the process until its time is up
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

function seconds(flag: string, text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw usageError(`${flag} ${text} is not a number of seconds`, `e.g. ${flag} 10`);
  return Number(text) * 1000;
}

/** Event loops: as many as asked for, or one for every core. Envoy: `--concurrency`. */
function loopCount(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw usageError(`--concurrency ${text} is not a number of event loops`, '0 is one for every core');
  return Number(text) === 0 ? availableParallelism() : Number(text);
}

/** A process that began from a start-up snapshot has one loop: Node 24 cannot start a thread in it. */
function loopsOf(concurrency: string, entry: string | undefined): Pick<ProxyOptions, 'loops'> {
  const count = loopCount(concurrency);
  if (entry !== undefined) return { loops: { count, entry } };
  if (count > 1)
    throw new CliError(`a proxy that begins from a start-up snapshot has one event loop, not ${count}`, 'set TULLE_SNAPSHOT=off');
  return {};
}

async function serve({ bootstrap }: LoadedBootstrap, flags: ProxyFlags, log: LeveledLog, run: RunOptions): Promise<void> {
  let proxy: RunningProxy | undefined;
  // Envoy's signal for it; before there is a proxy it is heard as well, lest Node open its debugger
  process.on('SIGUSR1', () => proxy?.reopenLogs());
  const end = Promise.withResolvers<End>();
  const { restart } = flags;
  const options: ProxyOptions = {
    bootstrap,
    log,
    version: packageVersion(),
    drainMs: seconds('--drain-time-s', flags.drainTimeS),
    drainStrategy: flags.drainStrategy,
    ...loopsOf(flags.concurrency, run.entry),
    predecessor:
      restart === undefined
        ? undefined
        : await (await import('./predecessor.ts')).findPredecessor(bootstrap, restart === true ? undefined : String(restart), log),
    ...(flags.parentShutdownTimeS === undefined
      ? {}
      : { predecessorEndsWithinMs: seconds('--parent-shutdown-time-s', flags.parentShutdownTimeS) }),
    onQuit: () => end.resolve({ cause: 'quitquitquit', withinMs: Infinity }),
    ...(run.onTellsOfAll === undefined ? {} : { onTellsOfAll: run.onTellsOfAll }),
    onReplaced: (withinMs) => end.resolve({ cause: 'a successor serves', withinMs }),
  };
  try {
    proxy = await startProxy(options);
    const ended = untilEnd(proxy, log, end.promise);
    await Promise.race([proxy.ready, ended]);
    run.onLive();
    await ended;
  } catch (error) {
    // the proxy that runs goes on as it was
    options.predecessor?.close();
    await proxy?.close();
    throw error;
  }
}

async function act(flags: ProxyFlags, options: RunOptions): Promise<void> {
  const log = createLog((line) => process.stderr.write(line), Date.now, flags.logLevel);
  let loaded: LoadedBootstrap | undefined;
  try {
    loaded = await loadBootstrap(flags.config);
    if (flags.mode === 'serve') return await serve(loaded, flags, log, options);
    await validateBootstrap(loaded.bootstrap, log);
    process.stdout.write(`configuration '${flags.config}' OK\n`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const located = loaded === undefined ? error : loaded.locate(error);
    const hint = existsSync(flags.config)
      ? 'docs/reference/proxy.md lists the fields that Tulle obeys'
      : 'name a bootstrap in YAML or JSON';
    throw new CliError(located.message, hint, { cause: error });
  }
  return undefined;
}

function newProxyCommand(): Command {
  return newCommand('proxy', 'Runs a proxy from an Envoy v3 bootstrap file (YAML or JSON).', EXAMPLES)
    .addHelpText(
      'after',
      '\nCommands:\n  certs    list the certificates that running proxies use\n  snapshot make the start-up snapshot of an installed package',
    )
    .requiredOption('-c, --config <file>', 'the bootstrap file')
    .addOption(new Option('--log-level <level>', 'what to log').choices(['debug', 'info', 'warn', 'error', 'off']).default('info'))
    .option('--concurrency <loops>', 'event loops that share the work; 0: one for every core', '1')
    .option('--restart [admin]', 'take over from the proxy with this admin address (default: that of the bootstrap)')
    .option('--drain-time-s <seconds>', 'how long connections may go on when the proxy ends', '10')
    .addOption(
      new Option('--drain-strategy <strategy>', 'ask clients to leave at once, or ever more of them')
        .choices(['immediate', 'gradual'])
        .default('immediate'),
    )
    .option('--parent-shutdown-time-s <seconds>', 'how long a proxy that was taken over from may drain at most')
    .addOption(new Option('--mode <mode>', 'serve, or only check the bootstrap').choices(['serve', 'validate']).default('serve'));
}

let prepared: Command | undefined;

/** Makes all of the command that its arguments have no part in. */
export function prepareProxy(): void {
  prepared = newProxyCommand();
  packageVersion();
}

/** Runs the command; returns when the proxy has ended. */
export async function runProxy(args: readonly string[], options: RunOptions): Promise<void> {
  const command = prepared ?? newProxyCommand();
  command.action((flags: ProxyFlags) => act(flags, options));
  await runCommand(command, args);
}
