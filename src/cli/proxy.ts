/** `tulle proxy`: one proxy by itself, from an Envoy v3 bootstrap file. */
import { existsSync } from 'node:fs';
import { Option } from 'commander';
import { ConfigError } from '../core/errors.ts';
import { createLog, type LeveledLog, type LogLevel } from '../core/log.ts';
import { loadBootstrap, type LoadedBootstrap } from '../proxy/config/bootstrap.ts';
import { type RunningProxy, startProxy, validateBootstrap } from '../proxy/main.ts';
import { newCommand, runCommand } from './command.ts';
import { CliError } from './errors.ts';
import { packageVersion } from './package-version.ts';

interface ProxyFlags {
  readonly config: string;
  readonly logLevel: LogLevel;
  readonly drainTimeS: string;
  readonly mode: 'serve' | 'validate';
}

const EXAMPLES = [
  ['tulle proxy -c bootstrap.yaml', 'serve until SIGTERM, then drain'],
  ['tulle proxy -c bootstrap.yaml --mode validate', 'say what is wrong with a bootstrap'],
] as const;

/** Runs until a signal; a first one drains, a second one ends at once. */
async function untilSignal(proxy: RunningProxy, log: LeveledLog, quit: Promise<void>): Promise<void> {
  const signal = (): Promise<string> =>
    new Promise((resolve) => {
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
    });
  const why = await Promise.race([signal(), quit.then(() => 'quitquitquit')]);
  log.info('draining', { cause: why });
  await Promise.race([proxy.drain(), signal()]);
  await proxy.close();
}

async function serve(loaded: LoadedBootstrap, flags: ProxyFlags, log: LeveledLog, onLive: () => void): Promise<void> {
  const quit = Promise.withResolvers<void>();
  const drainMs = Number(flags.drainTimeS) * 1000;
  const proxy = await startProxy({ bootstrap: loaded.bootstrap, log, version: packageVersion(), drainMs, onQuit: quit.resolve });
  const ended = untilSignal(proxy, log, quit.promise);
  try {
    await Promise.race([proxy.ready, ended]);
    onLive();
  } catch (error) {
    await proxy.close();
    throw error;
  }
  await ended;
}

async function act(flags: ProxyFlags, onLive: () => void): Promise<void> {
  const log = createLog((line) => process.stderr.write(line), Date.now, flags.logLevel);
  if (!/^\d+(?:\.\d+)?$/.test(flags.drainTimeS)) throw new CliError(`--drain-time-s ${flags.drainTimeS} is not a number of seconds`);
  let loaded: LoadedBootstrap | undefined;
  try {
    loaded = await loadBootstrap(flags.config);
    if (flags.mode === 'serve') return await serve(loaded, flags, log, onLive);
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

/** Runs the command; returns when the proxy has ended. `onLive` is called when it begins to serve. */
export async function runProxy(args: readonly string[], onLive: () => void): Promise<void> {
  const command = newCommand('proxy', 'Runs a proxy from an Envoy v3 bootstrap file (YAML or JSON).', EXAMPLES)
    .requiredOption('-c, --config <file>', 'the bootstrap file')
    .addOption(new Option('--log-level <level>', 'what to log').choices(['debug', 'info', 'warn', 'error', 'off']).default('info'))
    .option('--drain-time-s <seconds>', 'how long connections may go on when the proxy ends', '10')
    .addOption(new Option('--mode <mode>', 'serve, or only check the bootstrap').choices(['serve', 'validate']).default('serve'))
    .action((flags: ProxyFlags) => act(flags, onLive));
  await runCommand(command, args);
}
