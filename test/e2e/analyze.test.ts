/** `tulle analyze` as it is called: exit codes, formats, what it reads, and a mesh that runs. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { ask } from '../../src/cli/demo/client.ts';
import { type ControlPlane, startControlPlane } from '../../src/control/main.ts';
import { silentLog } from '../../src/core/log.ts';

const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');

const GOOD = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }
---
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: web, namespace: shop, labels: { app: web } }
spec: { ports: [{ name: http, port: 80, protocol: http }], command: [run] }
`;
/** Line 6 leads nowhere. */
const BAD = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec:
  hosts: [web]
  http: [{ route: [{ destination: { host: nobody } }] }]
`;
/** A note, and no more. */
const NOTED = GOOD.replace('name: http, port: 80 }] }\n---', 'name: main, port: 80 }] }\n---');
const SECRET = `apiVersion: v1
kind: Secret
metadata: { name: own, namespace: shop }
stringData: { password: very-secret }
`;

let folder = '';
let plane: ControlPlane;

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tulle-analyze-'));
  const files = {
    'good/a.yaml': GOOD,
    'good/below/b.yml': SECRET,
    'good/notes.txt': 'a: [',
    'bad/a.yaml': GOOD,
    'bad/b.yaml': BAD,
    'noted/a.yaml': NOTED,
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  plane = await startControlPlane({
    folder: path.join(folder, 'bad'),
    stateDir: path.join(folder, 'state'),
    log: silentLog,
    adminAddress: '127.0.0.1:0',
  });
});
after(async () => {
  await plane.close();
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command beside us: the mesh that it may ask runs in this process. */
async function run(args: readonly string[], input = ''): Promise<Ran> {
  const env = { ...process.env, TULLE_STATE_DIR: undefined, FORCE_COLOR: '1' };
  const child = spawn(process.execPath, [main, 'analyze', ...args], { cwd: folder, env, stdio: 'pipe' });
  const ended = once(child, 'close');
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { status: child.exitCode, stdout, stderr };
}

interface Case {
  readonly args: readonly string[];
  readonly input?: string;
  readonly status: number;
  readonly stdout?: RegExp;
  readonly stderr?: RegExp;
}

const CASES: readonly Case[] = [
  { args: ['good'], status: 0, stdout: /^nothing found in 2 files\n$/ },
  {
    args: ['bad'],
    status: 1,
    stdout: /^bad\/b\.yaml:6: error IST0101: VirtualService shop\/web spec\.http\[0\]\.route\[0\]\n {2}there is no service .*503.*\n/,
  },
  { args: ['-'], input: BAD, status: 1, stdout: /^<stdin>:6: error IST0101/ },
  { args: ['noted', '--threshold', 'info'], status: 1 },
  { args: ['bad', '--suppress', 'IST0101=VirtualService web.shop', '--suppress', 'TUL2*=* *'], status: 0, stdout: /^nothing found/ },
  { args: ['bad', '-o', 'github'], status: 1, stdout: /^::error file=bad\/b\.yaml,line=6,col=1,title=IST0101 VirtualService shop\/web::/ },
  { args: ['--suppress', 'nonsense', 'good'], status: 2, stderr: /"nonsense" is not CODE=Kind name\.namespace/ },
  { args: [], status: 1, stderr: /no mesh found/ },
  { args: ['--state-dir', 'state'], status: 1, stdout: /^b\.yaml:6: error IST0101/ },
];

for (const { args, input, status, stdout, stderr } of CASES) {
  test(`tulle analyze ${args.join(' ')}`, async () => {
    const got = await run(args, input);
    assert.equal(got.status, status, got.stdout + got.stderr);
    if (stdout !== undefined) assert.match(got.stdout, stdout);
    if (stderr !== undefined) assert.match(got.stderr, stderr);
    // colours are for a terminal, whatever else asks for them
    assert.ok(!got.stdout.includes('\u001B'));
  });
}

test('JSON has every field of a finding', async () => {
  const [first]: Record<string, unknown>[] = JSON.parse((await run(['bad', '-o', 'json'])).stdout);
  assert.deepEqual(Object.keys(first ?? {}).toSorted(), [
    'code',
    'column',
    'field',
    'file',
    'hint',
    'line',
    'message',
    'resource',
    'severity',
  ]);
  assert.deepEqual([first?.['code'], first?.['file'], first?.['line']], ['IST0101', path.join('bad', 'b.yaml'), 6]);
});

test('what the folder holds is told to the socket only: Secrets are among it', async () => {
  const { files } = JSON.parse((await ask({ socketPath: plane.adminSocket }, '/api/sources')).text);
  assert.deepEqual(files, { 'a.yaml': GOOD, 'b.yaml': BAD });
  const answer = await fetch(`http://${plane.adminAddress}/api/sources`);
  assert.equal(answer.status, 403);
  assert.match(await answer.text(), /only over the Unix socket/);
});
