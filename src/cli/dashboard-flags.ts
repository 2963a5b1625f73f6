/** Options by which commands that run a control plane are told of its dashboard. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Option } from 'commander';
import type { DashboardSetup } from '../control/dashboard/open.ts';
import { messageOf } from '../core/errors.ts';
import { CliError } from './errors.ts';

export interface DashboardOptions {
  readonly dashboardAddress?: string;
  readonly dashboardTokenFile?: string;
  readonly prometheusUrl?: string;
}

const isBundle = import.meta.dirname.endsWith('dist');
/** The built page: beside the bundle, or where a clone's `npm ci` puts it. */
const ASSETS = path.resolve(import.meta.dirname, isBundle ? 'dashboard' : '../../dist/dashboard');

/** `--dashboard-address`, `--dashboard-token-file`, `--prometheus-url`; `usual`: what it is where nobody says. */
export function dashboardFlags(usual: 'auto' | 'off'): readonly Option[] {
  return [
    new Option('--dashboard-address <host:port>', 'serve the dashboard here: auto is a free port of loopback, off is nowhere').default(
      usual,
    ),
    new Option('--dashboard-token-file <file>', 'a file with the token that people log in with; needed beyond loopback'),
    new Option('--prometheus-url <url>', "a Prometheus that scrapes the mesh: the dashboard's past comes from it"),
  ];
}

function tokenIn(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new CliError(`the dashboard's token cannot be read: ${messageOf(cause)}`, 'openssl rand -hex 24 > file makes one', { cause });
  }
}

/** What the control plane is told; undefined where there is to be none. Throws CliError where the token cannot be read. */
export function dashboardSetup({
  dashboardAddress = 'off',
  dashboardTokenFile,
  prometheusUrl,
}: DashboardOptions): DashboardSetup | undefined {
  if (dashboardAddress === 'off') return undefined;
  const self = [process.execPath, path.resolve(process.argv[1] ?? '')] as const;
  return { address: dashboardAddress, assets: ASSETS, self, token: tokenIn(dashboardTokenFile), prometheusUrl };
}

/** The same as arguments of `tulle control`. */
export function dashboardArguments({ dashboardAddress = 'off', dashboardTokenFile, prometheusUrl }: DashboardOptions): string[] {
  return [
    '--dashboard-address',
    dashboardAddress,
    ...(dashboardTokenFile === undefined ? [] : ['--dashboard-token-file', path.resolve(dashboardTokenFile)]),
    ...(prometheusUrl === undefined ? [] : ['--prometheus-url', prometheusUrl]),
  ];
}

/** False in a clone whose page was not built. */
export function isDashboardBuilt(): boolean {
  return existsSync(path.join(ASSETS, 'manifest.json'));
}
