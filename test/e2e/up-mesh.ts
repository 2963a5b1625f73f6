/** A `tulle up` under test: a folder of its own, its output, and an end that leaves nothing. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const FAKE = path.join(import.meta.dirname, 'fake-proxy.ts');
const POLL_MS = 20;
const PATIENCE_MS = 120_000;

/** A server for tests: answers its environment's GREETING on $PORT (8080), and ends when asked to. */
const APP = `require('http').createServer((q, r) => { if (q.url === '/die') process.exit(3); r.end(process.env.GREETING + ' ' + process.pid); })
  .listen(process.env.PORT || 8080);`;

export interface UpMesh {
  readonly folder: string;
  readonly stateDir: string;
  readonly child: ChildProcess;
  /** What it has printed. */
  output(): string;
  /** Waits until the output, or what `text` gives, matches. */
  until(pattern: RegExp, text?: () => string): Promise<RegExpExecArray>;
  /** An instance's log; '' before there is one. */
  log(instance: string): string;
  write(yaml: string): void;
  /** Sends SIGINT and resolves with the exit code. */
  stop(): Promise<number>;
}

/** A Workload that runs the test server. */
export function workloadYaml(name: string, greeting: string, more = ''): string {
  return `apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name} } }
spec:
  ports: [{ name: http, port: 8080, protocol: http }]
  command: [${JSON.stringify(process.execPath)}, -e, ${JSON.stringify(APP)}]
  env: { GREETING: ${greeting} }
  readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
  ${more}
---
`;
}

/** Makes a folder with one file of YAML. */
export function makeFolder(yaml: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-up-'));
  writeFileSync(path.join(folder, 'mesh.yaml'), yaml);
  return folder;
}

function readLog(stateDir: string, instance: string): string {
  try {
    return readFileSync(path.join(stateDir, 'logs', `${instance}.shop.log`), 'utf8');
  } catch {
    return '';
  }
}

/** Starts `tulle up` on a folder; `onEnd` takes clean-ups. */
export function startUp(folder: string, mode: string, onEnd: (cleanUp: () => Promise<void>) => void): UpMesh {
  const stateDir = path.join(folder, '.tulle');
  const child = spawn(process.execPath, [FAKE, 'up', folder, '--mode', mode], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const mesh: UpMesh = {
    folder,
    stateDir,
    child,
    output: () => output,
    async until(pattern, text = () => output) {
      const deadlineMs = performance.now() + PATIENCE_MS;
      for (;;) {
        const match = pattern.exec(text());
        if (match !== null) return match;
        if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${pattern} in:\n${text()}\noutput:\n${output}`);
        await delay(POLL_MS);
      }
    },
    log: (instance) => readLog(stateDir, instance),
    write: (yaml) => writeFileSync(path.join(folder, 'mesh.yaml'), yaml),
    async stop() {
      child.kill('SIGINT');
      const [code] = await ended;
      return Number(code);
    },
  };
  onEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) await mesh.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return mesh;
}
