/** A control plane and proxies started by hand, as docs/two-machines.md says, with the bootstrap that stands there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parse } from 'yaml';
import { eventually } from '../../src/core/testing/eventually.ts';
import { type Answer, ask } from '../../src/cli/demo/client.ts';
import { freePort } from '../interop/envoy-process.ts';
import { loopbackServer } from '../../src/proxy/testing/loopback-server.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** What the document calls its places. */
const DOCUMENT = path.join(ROOT, 'docs/two-machines.md');

interface Program {
  readonly child: ChildProcess;
  readonly output: () => string;
  stop(): Promise<void>;
}

function start(args: readonly string[]): Program {
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/tulle.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, 'exit');
  return {
    child,
    output: () => output,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Runs a command to its end. */
export async function tulle(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const program = start(args);
  await once(program.child, 'close');
  return { code: program.child.exitCode, output: program.output() };
}

/** Waits until `check` gives something else than undefined or false; fails with what `explain` says. */
export async function until<T>(what: string, check: () => Promise<T | undefined | false>, explain: () => string): Promise<T> {
  return await eventually(check, () => `${what}\n${explain().slice(-3000)}`);
}

/** A folder that goes with the test. */
export function folderFor(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-planes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Control {
  readonly stateDir: string;
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly output: () => string;
  api<T>(call: string): Promise<T>;
  /** `tulle token create`, into a file whose name is returned. */
  token(serviceAccount: string): Promise<string>;
  /** Writes the mesh's one file. */
  write(yaml: string): void;
  /** Ends it at once. */
  stop(): Promise<void>;
}

/** `tulle control` with plain and TLS xDS on ports of loopback. */
export async function startControl(t: TestContext, folder: string, yaml: string): Promise<Control> {
  const mesh = path.join(folder, 'mesh');
  const stateDir = path.join(folder, 'state');
  mkdirSync(mesh);
  writeFileSync(path.join(mesh, 'mesh.yaml'), yaml);
  const [plainPort, tlsPort] = [await freePort(), await freePort()];
  const addresses = ['--xds-address', `127.0.0.1:${plainPort}`, '--xds-tls-address', `127.0.0.1:${tlsPort}`];
  const program = start(['control', mesh, '--state-dir', stateDir, ...addresses]);
  t.after(() => program.stop());
  const socketPath = path.join(stateDir, 'admin.sock');
  await until('control plane ready', async () => (await ask({ socketPath }, '/ready')).status === 200, program.output);
  return {
    stateDir,
    plainPort,
    tlsPort,
    output: program.output,
    api: async <T>(call: string) => JSON.parse((await ask({ socketPath }, call)).text) as T,
    async token(serviceAccount) {
      const file = path.join(folder, `token-${serviceAccount}`);
      const { code, output } = await tulle(
        'token',
        'create',
        '--state-dir',
        stateDir,
        '--namespace',
        'shop',
        '--service-account',
        serviceAccount,
      );
      if (code !== 0) throw new Error(output);
      writeFileSync(file, output);
      return file;
    },
    write: (next) => writeFileSync(path.join(mesh, 'mesh.yaml'), next),
    stop: () => program.stop(),
  };
}

export interface HandProxy {
  readonly adminPort: number;
  /** Where its application finds the HTTP proxy. */
  readonly httpProxyPort: number;
  readonly output: () => string;
  admin(call: string, method?: string): Promise<Answer>;
  /** A request as its application would make it, through the HTTP proxy. */
  get(url: string): Promise<Answer>;
}

/** A bootstrap as parsed from YAML; what is missing shows where the test looks for it. */
// oxlint-disable-next-line no-explicit-any -- a document of any shape
export type Bootstrap = any;

/** The document's bootstrap, with the workload's name and this machine's addresses for the document's. */
export function documentBootstrap(values: Readonly<Record<string, string>>): Bootstrap {
  const text = readFileSync(DOCUMENT, 'utf8');
  let yaml = /```yaml\n(node:[\s\S]*?)```/.exec(text)?.[1];
  if (yaml === undefined) throw new Error('docs/two-machines.md has no bootstrap');
  for (const [what, value] of Object.entries(values)) {
    if (!yaml.includes(what)) throw new Error(`the document's bootstrap has no ${what}`);
    yaml = yaml.replaceAll(what, value);
  }
  return parse(yaml);
}

/** `tulle proxy -c` with a bootstrap; resolves when it is live, or where it cannot become so, when its admin interface answers. */
export async function startProxy(
  t: TestContext,
  folder: string,
  name: string,
  bootstrap: Bootstrap,
  becomesLive = true,
): Promise<HandProxy> {
  const file = path.join(folder, `${name}.yaml`);
  writeFileSync(file, JSON.stringify(bootstrap));
  const program = start(['proxy', '-c', file]);
  t.after(() => program.stop());
  const adminPort: number = bootstrap.admin.address.socket_address.port_value;
  const httpProxyPort: number = bootstrap.node.metadata?.TULLE?.explicit?.httpProxyPort ?? 0;
  const isUp = async (): Promise<boolean> => (await ask({ port: adminPort }, '/ready')).status === 200 || !becomesLive;
  await until(`${name} is up`, isUp, program.output);
  return {
    adminPort,
    httpProxyPort,
    output: program.output,
    admin: (call, method = 'GET') => ask({ port: adminPort }, call, { method }),
    get: (url) => ask({ port: httpProxyPort }, url, { headers: { host: new URL(url).host } }),
  };
}

/** An application on loopback that answers with a text and the caller's identity as its proxy says. */
export async function startApp(t: TestContext, text: string): Promise<number> {
  return await loopbackServer(t, (request, response) => {
    response.end(`${text} ${String(request.headers['x-forwarded-client-cert'] ?? 'plain')}`);
  });
}

/** What a host answers to a TCP client that speaks HTTP without TLS; '' where it hangs up. */
export async function speakPlaintext(host: string, port: number): Promise<string> {
  const socket = net.connect(port, host, () => socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  await once(socket, 'close');
  return text;
}
