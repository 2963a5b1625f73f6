import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { test } from 'node:test';
import type { Listening } from './listen-sockets.ts';
import { MainSockets } from './main-sockets.ts';

const WANTED = { host: '127.0.0.1', port: 0 };
const listening = (descriptors: readonly number[]): Listening => ({ key: 'a', descriptors, bound: { host: '127.0.0.1', port: 8080 } });

test('one loop binds for itself; several share the port of the first', async () => {
  assert.deepEqual(await new MainSockets(1).claim('a'), { kind: 'bind', isShared: false });
  const sockets = new MainSockets(2);
  const second = sockets.claimFor(1, 'a', WANTED);
  assert.deepEqual(await sockets.claim('a'), { kind: 'bind', isShared: true });
  sockets.opened(listening([7]));
  assert.deepEqual(await second, { kind: 'bind', isShared: true, port: 8080 });
  sockets.reported(1, 'a', [9]);
  assert.deepEqual(sockets.all(), [
    { key: 'a', descriptor: 7 },
    { key: 'a', descriptor: 9 },
  ]);
  sockets.loopEnded(1);
  assert.deepEqual(sockets.all(), [{ key: 'a', descriptor: 7 }]);
  assert.deepEqual(await sockets.claimFor(1, '/run/x', WANTED), { kind: 'elsewhere' });
});

test('what the main loop cannot have, others cannot', async () => {
  const sockets = new MainSockets(2);
  const second = sockets.claimFor(1, 'a', WANTED);
  sockets.failed('a', 'the address is already in use');
  await assert.rejects(second, /already in use/);
});

test('what was passed on is dealt out, copied where there is too little, and closed where nobody wants it', async (t) => {
  const files = [1, 2, 3, 4].map(() => openSync('/dev/null', 'r'));
  const [one = 0, two = 0, three = 0, unwanted = 0] = files;
  const passed = [one, two, three].map((descriptor) => ({ key: 'a', descriptor }));
  const sockets = new MainSockets(2, [...passed, { key: 'b', descriptor: unwanted }]);
  assert.equal(sockets.ownsFiles, false);
  assert.deepEqual(await sockets.claim('a'), { kind: 'inherit', descriptors: [one, three] });
  assert.deepEqual(await sockets.claimFor(1, 'a', WANTED), { kind: 'inherit', descriptors: [two] });
  t.after(() => [one, two, three].forEach((fd) => closeSync(fd)));
  sockets.closeRest();
  assert.throws(() => fstatSync(unwanted), /EBADF/);

  const third = openSync('/dev/null', 'r');
  const many = new MainSockets(2, [{ key: 'a', descriptor: third }]);
  const source = await many.claimFor(1, 'a', WANTED);
  assert.ok(source.kind === 'inherit' && source.descriptors[0] !== third && source.descriptors.length === 1);
  for (const fd of [third, ...source.descriptors]) closeSync(fd);
});
