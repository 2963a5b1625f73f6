/** `tulle control`. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { Option } from 'commander';
import { certTtlOption } from './cert-ttl.ts';
import { flowMemoryOption } from './flows/memory-flag.ts';
import { startControlPlane } from '../control/main.ts';
import { ConfigError } from '../core/errors.ts';
import { createLog, type LogLevel } from '../core/log.ts';
import { newCommand, runCommand } from './command.ts';
import { dashboardFlags, type DashboardOptions, dashboardSetup } from './dashboard-flags.ts';
import { CliError } from './errors.ts';
import { checkSocketPath, defaultStateDir, stateDirAt } from './state-dir.ts';
import { packageVersion } from './package-version.ts';

interface ControlOptions extends DashboardOptions {
  readonly stateDir?: string;
  readonly xdsAddress?: string;
  readonly xdsTlsAddress?: string;
  readonly adminAddress?: string;
  readonly certTtl?: number;
  readonly flowMemory?: number;
  readonly logLevel: LogLevel;
}

function asCliError(error: unknown): never {
  if (error instanceof ConfigError) throw new CliError(error.message, 'tulle control --help shows the options', { cause: error });
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    throw new CliError(error.message, 'another control plane may be running with the same addresses', { cause: error });
  }
  throw error;
}

function untilAsked(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  return promise;
}

async function serve(folder: string, options: ControlOptions): Promise<void> {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new CliError(`${folder} is not a folder`, 'name the folder with the YAML files');
  const { root, xdsSocket } = stateDirAt(options.stateDir ?? defaultStateDir(path.resolve(folder)));
  checkSocketPath(xdsSocket);
  const log = createLog((line) => process.stderr.write(line), Date.now, options.logLevel);
  const { xdsAddress, xdsTlsAddress, adminAddress, certTtl, flowMemory } = options;
  const dashboard = dashboardSetup(options);
  const own = {
    ...(certTtl === undefined ? {} : { certTtlMs: certTtl }),
    ...(flowMemory === undefined ? {} : { flowBytesMax: flowMemory }),
  };
  const rest = { xdsAddress, xdsTlsAddress, adminAddress, dashboard, ...own };
  const asked = untilAsked();
  const plane = await startControlPlane({ folder, stateDir: root, log, version: packageVersion(), ...rest }).catch(asCliError);
  await asked;
  log.info('control plane stops');
  await plane.close();
}

/** The command line of `tulle control`. */
export const controlCommand = newCommand('control', 'Runs the control plane by itself: serves xDS for the mesh that a folder describes.', [
  ['tulle control examples/shop/mesh', "sockets in the folder's .tulle"],
  ['tulle control mesh --xds-address 127.0.0.1:15010', 'for an Envoy on this machine'],
  ['tulle control mesh --xds-tls-address 0.0.0.0:15012', 'for proxies on other machines'],
  ['tulle control mesh --dashboard-address 127.0.0.1:15080', 'with the dashboard'],
])
  .argument('<folder>', 'folder of YAML files, watched')
  .option('--state-dir <dir>', 'where keys, instances and sockets are kept (default: <folder>/.tulle)')
  .option('--xds-address <host:port>', 'serve xDS here too, unencrypted, on loopback')
  .option('--xds-tls-address <host:port>', 'serve xDS here too, with a certificate of the mesh')
  .option('--admin-address <host:port>', 'serve the admin API and /metrics here too, on loopback')
  .addOption(certTtlOption())
  .addOption(flowMemoryOption())
  .addOption(
    new Option('--log-level <level>', 'least level that is logged').choices(['debug', 'info', 'warn', 'error', 'off']).default('info'),
  )
  .action(serve);
for (const flag of dashboardFlags('off')) controlCommand.addOption(flag);

/** Runs the control plane until SIGINT or SIGTERM. */
export async function run(args: readonly string[]): Promise<void> {
  await runCommand(controlCommand, args);
}
