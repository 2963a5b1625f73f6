/** The parts of supervision that need no mesh: back-off, probes, children, records. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { portOf } from '../../net/testing/port-of.ts';
import type { ReadinessProbe } from '../../model/workload.ts';
import { deathsAfter, restartDelayMs } from './backoff.ts';
import type { ChildSpec } from './child.ts';
import { keepRunning } from './child.ts';
import { portHolder } from './port-holder.ts';
import { checkOnce, nextReadiness } from './probe.ts';
import { isRunning, processId } from './process-group.ts';
import { cleanLeftovers, liveRuns, RunRecord } from './run-record.ts';

const DELAYS = [
  { deaths: 1, random: 0, want: 125 },
  { deaths: 1, random: 1, want: 250 },
  { deaths: 3, random: 1, want: 1_000 },
  { deaths: 40, random: 1, want: 30_000 },
];
for (const { deaths, random, want } of DELAYS) {
  test(`restart after ${deaths} deaths, drawn ${random}: ${want} ms`, () =>
    assert.equal(
      restartDelayMs(deaths, () => random),
      want,
    ));
}

test('a long life forgives earlier deaths', () => {
  assert.equal(deathsAfter(5, 100), 6);
  assert.equal(deathsAfter(5, 60_000), 1);
});

const probe: ReadinessProbe = {
  check: { kind: 'tcp', port: 1 },
  initialDelayMs: 0,
  periodMs: 10,
  timeoutMs: 1_000,
  successThreshold: 2,
  failureThreshold: 3,
};

const READINESS = [
  { isReady: false, results: [true], want: false },
  { isReady: false, results: [true, true], want: true },
  { isReady: false, results: [true, false, true], want: false },
  { isReady: true, results: [false, false], want: true },
  { isReady: true, results: [false, false, false], want: false },
  { isReady: true, results: [false, true, false, false], want: true },
];
for (const { isReady, results, want } of READINESS) {
  test(`${isReady ? 'ready' : 'not ready'}, then ${results.join(' ')}: ${want}`, () => {
    assert.equal(nextReadiness(probe, isReady, results), want);
  });
}

test('checks over http, tcp and exec', async (t) => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/healthz' ? 204 : 500;
    response.end();
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const port = portOf(server);
  const target = {
    connect: async (number: number) => {
      const socket = connect(number, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    },
    start: <T>(action: () => T) => action(),
    cwd: '/',
    env: process.env,
    uid: undefined,
    gid: undefined,
  };
  const cases: readonly { check: ReadinessProbe['check']; want: boolean }[] = [
    { check: { kind: 'http', path: '/healthz', port }, want: true },
    { check: { kind: 'http', path: '/broken', port }, want: false },
    { check: { kind: 'tcp', port }, want: true },
    { check: { kind: 'tcp', port: 1 }, want: false },
    { check: { kind: 'exec', command: ['true'] }, want: true },
    { check: { kind: 'exec', command: ['false'] }, want: false },
    { check: { kind: 'exec', command: ['/no/such/program'] }, want: false },
  ];
  for (const { check, want } of cases) assert.equal(await checkOnce({ ...probe, check }, target), want, JSON.stringify(check));
  if (process.platform === 'linux') assert.match(portHolder(port) ?? '', new RegExp(`\\(pid ${process.pid}\\)$`));
});

function specOf(command: readonly string[], logFile: string, more: Partial<ChildSpec>): ChildSpec {
  const nothing = (): void => undefined;
  return {
    command,
    env: process.env,
    cwd: '/',
    start: (action) => action(),
    output: { logFile },
    onStart: nothing,
    onExit: () => true,
    random: () => 0,
    ...more,
  };
}

function temporary(t: { after(cleanUp: () => void): void }): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-supervision-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a child that dies is started again; a stopped one takes its own children along', async (t) => {
  const log = path.join(temporary(t), 'log');
  const pids: number[] = [];
  const second = Promise.withResolvers<void>();
  const script = `if [ -e ${log}.once ]; then sleep 100 & wait; else touch ${log}.once; echo first; exit 4; fi`;
  const endings: string[] = [];
  const child = keepRunning(
    specOf(['sh', '-c', script], log, {
      onStart: (pid) => {
        pids.push(pid);
        if (pids.length === 2) second.resolve();
      },
      onExit: (how) => {
        endings.push(how);
        return true;
      },
    }),
  );
  await second.promise;
  assert.deepEqual(endings, ['exited with code 4']);
  assert.equal(readFileSync(log, 'utf8'), 'first\n');
  await child.stop(1_000);
  assert.throws(() => process.kill(-(pids[1] ?? 0), 0), { code: 'ESRCH' });
});

test('a program that does not exist is an ending, not a crash', async (t) => {
  const ended = Promise.withResolvers<string>();
  const onExit = (how: string): boolean => {
    ended.resolve(how);
    return false;
  };
  const child = keepRunning(specOf(['/no/such/program'], path.join(temporary(t), 'log'), { onExit }));
  assert.match(await ended.promise, /cannot be started: .*ENOENT/);
  await child.stop(0);
});

test('what a killed supervisor left is ended and undone; what a living one has is not', async (t) => {
  const folder = temporary(t);
  const file = path.join(folder, 'setting');
  writeFileSync(file, 'changed');
  const orphan = spawn('sleep', ['100'], { detached: true, stdio: 'ignore' });
  const id = processId(orphan.pid ?? 0);
  assert.ok(id);
  const runs = path.join(folder, 'runs');
  const record = new RunRecord(runs, { role: 'up', mode: 'explicit' });
  record.willDo({ file, text: 'before' });
  assert.equal(liveRuns(runs).length, 1);
  assert.equal(await cleanLeftovers(runs), 0);
  const own = path.join(runs, `${process.pid}.json`);
  const saved = JSON.parse(readFileSync(own, 'utf8'));
  const exited = once(orphan, 'exit');
  writeFileSync(
    path.join(runs, 'dead.json'),
    JSON.stringify({ ...saved, supervisor: { pid: process.pid, started: 'long ago' }, processes: [id] }),
  );
  assert.equal(await cleanLeftovers(runs), 1);
  await exited;
  assert.equal(isRunning(id), false);
  assert.equal(readFileSync(file, 'utf8'), 'before');
  assert.equal(existsSync(own), true);
  record.undoAll();
  assert.equal(existsSync(own), false);
});
