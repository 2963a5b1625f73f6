/** `tulle up` in network namespaces, with the real control plane and applications and a stand-in for the proxy. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { makeFolder, startUp, workloadYaml } from './up-mesh.ts';

const notRoot = process.platform === 'linux' && process.getuid?.() === 0 ? false : 'needs Linux and root';

test('transparent mode: what a killed run left is taken away by the next', { skip: notRoot }, async (t) => {
  const folder = makeFolder(workloadYaml('one', 'hello') + workloadYaml('two', 'hello'));
  const killed = startUp(folder, 'transparent', () => undefined);
  const [, prefix = ''] = await killed.until(/\((10\.127\.\d+)\.0\/24\)/);
  await killed.until(/the mesh is ready: 2 instances/);
  assert.match(killed.output(), new RegExp(`shop/one-0 ready at ${prefix.replaceAll('.', '\\.')}\\.\\d+`));
  const bridge = `tulle${prefix.slice('10.127.'.length)}`;
  const links = (): string => spawnSync('ip', ['-o', 'link'], { encoding: 'utf8' }).stdout;
  const tables = (): string => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? '';
  killed.child.kill('SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.match(links(), new RegExp(`${bridge}:`));

  const mesh = startUp(folder, 'transparent', (cleanUp) => t.after(cleanUp));
  await mesh.until(/cleaned up after a former run/);
  await mesh.until(/the mesh is ready: 2 instances/);
  assert.match(mesh.output(), new RegExp(`${prefix}.0/24`), 'the network of the killed run is free again');

  mesh.write(workloadYaml('one', 'bonjour') + workloadYaml('two', 'hello'));
  const [, host = ''] = await mesh.until(/shop\/one-1 ready at [\d.]+\.(\d+)\n[^]*shop\/one-0 stopped/);
  const mac = `02:54:75:00:${[bridge.slice(5), host].map((part) => Number(part).toString(16).padStart(2, '0')).join(':')}`;
  const at = `${prefix}.${host}`;
  // whatever comes of it, the address has been asked for
  await fetch(`http://${at}:8080/`).catch(() => undefined);
  assert.match(
    spawnSync('ip', ['neigh', 'show', at], { encoding: 'utf8' }).stdout,
    new RegExp(mac),
    'who has the address next is found at once',
  );
  mesh.write(workloadYaml('one', 'salut') + workloadYaml('two', 'hello', 'replicas: 2'));
  await mesh.until(/shop\/one-0 ready[^]*shop\/one-1 stopped/);
  assert.equal(mesh.output().match(/one-\d stopped/g)?.length, 2, 'each old instance stops once, after its successor is ready');

  assert.equal(await mesh.stop(), 0);
  assert.doesNotMatch(links(), new RegExp(`${bridge}:|tv${bridge.slice(5)}-`));
  assert.doesNotMatch(tables(), new RegExp(bridge));
});
