/** The proxies under test: how each is found, configured and started for each scenario. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findEnvoy } from '../test/interop/envoy-binary.ts';
import { sidecarBootstrap, type SidecarOptions } from './sidecar-config.ts';

export type Scenario = 'http' | 'tcp' | 'mtls';

/** One process of a peer: `hop` 0 is next to the client. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

export interface Peer {
  readonly name: string;
  /** What it is that runs, or why it cannot and which command mends that. */
  available(): { readonly version: string } | { readonly missing: string };
  /** Undefined: the scenario is not the peer's. */
  launch(
    scenario: Scenario,
    hop: number,
    ports: { readonly listen: number; readonly upstream: number },
    folder: string,
  ): Launch | undefined;
}

/** Installs every peer, the origin and the load generator. */
export const INSTALL = 'node tools/install-peers.ts';
const root = path.resolve(import.meta.dirname, '..');

function sidecarFile(
  scenario: Scenario,
  hop: number,
  ports: { listen: number; upstream: number },
  folder: string,
  isTulle: boolean,
): string {
  const tls: Pick<SidecarOptions, 'tls'> = scenario === 'mtls' ? { tls: { side: hop === 0 ? 'upstream' : 'downstream', folder } } : {};
  const file = path.join(folder, `${isTulle ? 'tulle' : 'envoy'}-${scenario}-${hop}.yaml`);
  const text = sidecarBootstrap({ ...ports, admin: ports.listen + 1000, kind: scenario === 'tcp' ? 'tcp' : 'http', isTulle, ...tls });
  writeFileSync(file, text);
  return file;
}

function onPath(command: string, ...versionArgs: string[]): { version: string } | { missing: string } {
  try {
    const text = execFileSync('sh', ['-c', `${command} ${versionArgs.join(' ')} 2>&1`], { encoding: 'utf8' });
    return { version: text.trim().split('\n')[0] ?? '' };
  } catch {
    return { missing: INSTALL };
  }
}

const tulle: Peer = {
  name: 'tulle',
  available: () => (existsSync(path.join(root, 'dist/tulle.js')) ? { version: `node ${process.version}` } : { missing: 'npm run build' }),
  launch: (scenario, hop, ports, folder) => ({
    command: process.execPath,
    args: [path.join(root, 'dist/tulle.js'), 'proxy', '-c', sidecarFile(scenario, hop, ports, folder, true)],
  }),
};

const envoy: Peer = {
  name: 'envoy',
  available() {
    const binary = findEnvoy();
    return binary === undefined ? { missing: INSTALL } : { version: binary };
  },
  launch(scenario, hop, ports, folder) {
    const binary = findEnvoy();
    if (binary === undefined) return undefined;
    const file = sidecarFile(scenario, hop, ports, folder, false);
    return {
      command: binary,
      args: ['-c', file, '--concurrency', '1', '--log-level', 'error', '--base-id', String(ports.listen), '--disable-hot-restart'],
    };
  },
};

function nginxConfig(scenario: Scenario, hop: number, ports: { listen: number; upstream: number }, folder: string): string {
  const isTls = scenario === 'mtls';
  const listen =
    isTls && hop === 1
      ? `listen 127.0.0.1:${ports.listen} ssl; ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem; ssl_client_certificate ${folder}/ca.pem; ssl_verify_client on; ssl_protocols TLSv1.3;`
      : `listen 127.0.0.1:${ports.listen};`;
  const pass =
    isTls && hop === 0
      ? `proxy_pass https://up; proxy_ssl_certificate ${folder}/cert.pem; proxy_ssl_certificate_key ${folder}/key.pem; proxy_ssl_trusted_certificate ${folder}/ca.pem; proxy_ssl_verify off; proxy_ssl_protocols TLSv1.3;`
      : 'proxy_pass http://up;';
  return `daemon off; worker_processes 1; pid ${folder}/nginx-${scenario}-${hop}.pid; error_log ${folder}/nginx.log error;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s; keepalive_requests 10000000;
upstream up { server 127.0.0.1:${ports.upstream}; keepalive 256; keepalive_requests 10000000; }
server { ${listen} location / { ${pass} proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Request-Id $request_id; } } }\n`;
}

const nginx: Peer = {
  name: 'nginx',
  available: () => onPath('nginx', '-v'),
  launch(scenario, hop, ports, folder) {
    if (scenario === 'tcp') return undefined;
    const file = path.join(folder, `nginx-${scenario}-${hop}.conf`);
    writeFileSync(file, nginxConfig(scenario, hop, ports, folder));
    return { command: 'nginx', args: ['-c', file, '-e', path.join(folder, 'nginx.log')] };
  },
};

function haproxyConfig(scenario: Scenario, hop: number, ports: { listen: number; upstream: number }, folder: string): string {
  const isTls = scenario === 'mtls';
  const bind = isTls && hop === 1 ? ` ssl crt ${folder}/both.pem ca-file ${folder}/ca.pem verify required ssl-min-ver TLSv1.3` : '';
  const server = isTls && hop === 0 ? ` ssl crt ${folder}/both.pem ca-file ${folder}/ca.pem verify required ssl-min-ver TLSv1.3` : '';
  const mode = scenario === 'tcp' ? 'tcp' : 'http';
  return `global\n nbthread 1\n maxconn 4096\n stats socket ${folder}/haproxy-${scenario}-${hop}.sock\ndefaults\n mode ${mode}\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n${mode === 'http' ? ' http-reuse always\n unique-id-format %{+X}o%ci%cp%Ts%rt\n unique-id-header X-Request-ID\n' : ''}frontend f\n bind 127.0.0.1:${ports.listen}${bind}\n default_backend b\nbackend b\n server s 127.0.0.1:${ports.upstream}${server}\n`;
}

const haproxy: Peer = {
  name: 'haproxy',
  available: () => onPath('haproxy', '-v'),
  launch(scenario, hop, ports, folder) {
    const file = path.join(folder, `haproxy-${scenario}-${hop}.cfg`);
    writeFileSync(file, haproxyConfig(scenario, hop, ports, folder));
    return { command: 'haproxy', args: ['-q', '-f', file] };
  },
};

export const peers: readonly Peer[] = [tulle, envoy, nginx, haproxy];
