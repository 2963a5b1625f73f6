/** `tulle up` with the real control plane and applications; only the proxy is a stand-in. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { makeFolder, startUp, workloadYaml } from './up-mesh.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Port of an instance's application, as its proxy would register it. */
function appPort(stateDir: string, instance: string): number {
  const bootstrap = JSON.parse(readFileSync(path.join(stateDir, 'proxies', `${instance}.shop`, 'bootstrap.yaml'), 'utf8'));
  const [port] = bootstrap.node.metadata.TULLE.register.ports;
  return port.appPort ?? port.number;
}

test('explicit mode: starts, restarts, replaces and stops', async (t) => {
  const folder = makeFolder(workloadYaml('one', 'hello', 'replicas: 2'));
  const mesh = startUp(folder, 'explicit', (cleanUp) => t.after(cleanUp));
  await mesh.until(/explicit mode: .*HTTP_PROXY/);
  await mesh.until(/the mesh is ready: 2 instances/);
  const ports = ['one-0', 'one-1'].map((name) => appPort(mesh.stateDir, name));
  assert.equal(new Set(ports).size, 2, 'two replicas on one address have two ports');
  const pids = await Promise.all(ports.map(async (port) => (await (await fetch(`http://127.0.0.1:${port}`)).text()).replace('hello ', '')));

  await t.test('a dead application is ejected, and started again', async () => {
    await mesh.until(/asked \/healthcheck\/ok/, () => mesh.log('one-0'));
    await fetch(`http://127.0.0.1:${ports[0]}/die`).catch(() => undefined);
    await mesh.until(/shop\/one-0 exited with code 3[^]*shop\/one-0 starts again in \d+ ms[^]*shop\/one-0 ready/);
    await mesh.until(/ok\n[^]*healthcheck\/fail\n[^]*healthcheck\/ok\n/, () => mesh.log('one-0'));
  });

  await t.test('an edit replaces every instance, once each', async () => {
    mesh.write(workloadYaml('one', 'bonjour', 'replicas: 2'));
    await mesh.until(/one-\d stopped[^]*one-\d stopped[^]*one-\d ready/);
    assert.equal(mesh.output().match(/one-\d stopped/g)?.length, 2);
    const port = appPort(mesh.stateDir, 'one-0');
    assert.match(await (await fetch(`http://127.0.0.1:${port}`)).text(), /^bonjour/);
  });

  await t.test('a second mesh in the same state directory is refused', () => {
    const second = spawnSync(process.execPath, [path.resolve('bin/tulle.js'), 'up', folder], { encoding: 'utf8' });
    assert.match(second.stderr, /a mesh already runs with this state directory \(pid \d+\)\n +hint: /);
    assert.equal(second.status, 1);
  });

  await t.test('the end leaves no process and no record', async () => {
    assert.equal(await mesh.stop(), 0);
    for (const pid of pids) assert.equal(isAlive(Number(pid)), false);
    assert.deepEqual(readdirSync(path.join(mesh.stateDir, 'runs')), []);
    assert.deepEqual(readdirSync(path.join(mesh.stateDir, 'proxies')), []);
  });
});

const MISTAKES = [
  { name: 'no such folder', args: ['up', '/nowhere'], says: /there is no folder \/nowhere\n +hint: / },
  { name: 'an unknown mode', args: ['up', '.', '--mode', 'magic'], says: /'magic' is invalid.*transparent/, code: 2 },
  { name: 'an unknown command', args: ['statsu'], says: /no command "statsu"\n +hint: did you mean tulle status\?/, code: 2 },
  {
    name: 'no mesh to ask',
    args: ['get', 'services', '--state-dir', '/tmp'],
    says: /no control plane answers on \/tmp\/admin.sock\n +hint: /,
  },
  { name: 'no mesh to join', args: ['run', '--name', 'x', '--state-dir', '/tmp', '--', 'true'], says: /no mesh runs in \/tmp\n +hint: / },
  { name: 'a port that is none', args: ['run', '--name', 'x', '--port', '0', '--', 'true'], says: /"0" is not PORT/, code: 2 },
];

for (const { name, args, says, code = 1 } of MISTAKES) {
  test(`a mistake is one line and a hint: ${name}`, () => {
    const ran = spawnSync(process.execPath, [path.resolve('bin/tulle.js'), ...args], { encoding: 'utf8' });
    assert.match(ran.stderr, says);
    assert.doesNotMatch(ran.stderr, /\n +at /);
    assert.equal(ran.status, code);
  });
}
