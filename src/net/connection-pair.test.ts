import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { setBugReporter } from '../core/bugs.ts';
import type { Connection, ConnectionHandlers } from './connection.ts';
import { connectionPair } from './connection-pair.ts';

const HERE = { host: '10.0.0.1', port: 1 };
const THERE = { host: '10.0.0.2', port: 2 };

/** A turn in which everything that is due in microtasks is done, and gathered writes leave. */
const turn = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
};

function recorder(log: string[], extra: Partial<ConnectionHandlers> = {}): ConnectionHandlers {
  return {
    onData: (bytes) => log.push(Buffer.from(bytes).toString('latin1')),
    onEnd: () => log.push('END'),
    onDrain: () => log.push('DRAIN'),
    onClose: (error) => log.push(`CLOSE ${error ?? ''}`.trimEnd()),
    ...extra,
  };
}

function pair(): { client: Connection; server: Connection; clientLog: string[]; serverLog: string[] } {
  const { client, server } = connectionPair(HERE, THERE);
  const clientLog: string[] = [];
  const serverLog: string[] = [];
  client.read(recorder(clientLog));
  server.read(recorder(serverLog));
  return { client, server, clientLog, serverLog };
}

test('bytes reach the reader within the write, and are not copied', () => {
  const { client, server } = connectionPair(HERE, THERE);
  const bytes = Buffer.from('hello');
  let seen: Uint8Array | undefined;
  server.read(recorder([], { onData: (view) => (seen = view) }));
  assert.equal(client.writeBytes(bytes, true), true);
  assert.equal(seen, bytes);
  assert.deepEqual([client.remote, server.remote, client.local, server.local], [THERE, HERE, HERE, THERE]);
});

test('what comes while nobody reads is kept, copied where borrowed', async () => {
  const { client, server } = connectionPair(HERE, THERE);
  const bytes = Buffer.from('early');
  client.writeBytes(bytes, true);
  bytes.fill('x');
  const log: string[] = [];
  server.read(recorder(log));
  await turn();
  assert.deepEqual(log, ['early']);
});

test('a paused reader makes its writer wait, and a drain follows', async () => {
  const { client, server, clientLog, serverLog } = pair();
  server.pause();
  assert.equal(client.writeText('one'), false);
  assert.equal(client.pendingBytes, 3);
  await turn();
  assert.deepEqual([serverLog, clientLog], [[], []]);
  server.resume();
  await turn();
  assert.deepEqual([serverLog, clientLog], [['one'], ['DRAIN']]);
  assert.equal(client.pendingBytes, 0);
});

test('an answer within a write waits until the write is over', async () => {
  const { client, server } = connectionPair(HERE, THERE);
  const log: string[] = [];
  server.read(recorder([], { onData: () => server.writeText('answer') }));
  client.read(recorder(log));
  client.writeText('question');
  log.push('written');
  await turn();
  assert.deepEqual(log, ['written', 'answer']);
});

test('half-close: one side ends, the other goes on; both ended is closed', async () => {
  const { client, server, clientLog, serverLog } = pair();
  client.writeText('a');
  client.end();
  client.writeText('lost');
  await turn();
  assert.deepEqual(serverLog, ['a', 'END']);
  server.writeText('b');
  server.end();
  await turn();
  assert.deepEqual(
    [serverLog, clientLog],
    [
      ['a', 'END', 'CLOSE'],
      ['b', 'END', 'CLOSE'],
    ],
  );
  assert.ok(client.isClosed && server.isClosed);
});

for (const { name, isReset, want } of [
  { name: 'destroy', isReset: false, want: ['kept', 'END', 'CLOSE'] },
  { name: 'reset', isReset: true, want: ['CLOSE ECONNRESET'] },
]) {
  test(`${name}: what the peer has not read yet`, async () => {
    const { client, server, clientLog, serverLog } = pair();
    const closed: string[] = [];
    client.afterClose = () => closed.push('client');
    server.afterClose = () => closed.push('server');
    server.pause();
    client.writeText('kept');
    client.destroy('why', isReset);
    assert.equal(client.isClosed, false, 'told later, as of a socket');
    server.resume();
    await turn();
    assert.deepEqual([serverLog, clientLog], [want, ['CLOSE why']]);
    assert.deepEqual(closed.toSorted(), ['client', 'server']);
    client.destroy();
    await turn();
    assert.equal(clientLog.length, 1);
  });
}

test('gathered writes leave together, after what is added before them', async () => {
  const { client, serverLog } = pair();
  client.gatherWrites(() => client.writeText('!'));
  client.writeText('a');
  client.writeText('b');
  assert.deepEqual(serverLog, []);
  await turn();
  assert.deepEqual(serverLog, ['ab!']);
  client.writeText('c');
  client.end();
  await turn();
  assert.deepEqual(serverLog, ['ab!', 'c!', 'END']);
});

test('an exception of a reader ends its connection and nothing else', async () => {
  const bugs: unknown[] = [];
  setBugReporter((error) => bugs.push(error));
  const { client, server, clientLog } = pair();
  server.read(
    recorder([], {
      onData: () => {
        throw new Error('bug');
      },
    }),
  );
  client.writeText('x');
  await turn();
  assert.deepEqual([clientLog, bugs.length], [['CLOSE ECONNRESET'], 1]);
});

test('whatever is paused and resumed when, every byte arrives once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('write', 'pause', 'resume', 'turn'), fc.nat(70_000)), { maxLength: 40 }),
      async (steps) => {
        const { client, server } = connectionPair(HERE, THERE);
        let sent = 0;
        let got = 0;
        let isWaiting = false;
        let isEnded = false;
        server.read({
          ...recorder([]),
          onData(bytes) {
            for (const byte of bytes) assert.equal(byte, got++ % 251);
          },
          onEnd: () => (isEnded = true),
        });
        client.read(recorder([], { onDrain: () => (isWaiting = false) }));
        for (const [step, size] of steps) {
          if (step === 'pause') server.pause();
          else if (step === 'resume') server.resume();
          else if (step === 'turn') await turn();
          else {
            const bytes = Buffer.from(Array.from({ length: size % 500 }, () => sent++ % 251));
            isWaiting = !client.writeBytes(bytes, true) || isWaiting;
            bytes.fill(255);
          }
        }
        client.end();
        server.resume();
        await turn();
        assert.deepEqual([got, isWaiting, isEnded], [sent, false, true]);
      },
    ),
    { numRuns: 50 },
  );
});

for (const { name, act, want } of [
  { name: 'read', act: (server: Connection) => server.read(recorder([])), want: ['taken'] },
  {
    name: 'paused and then resumed',
    act(server: Connection) {
      server.pause();
      server.read(recorder([]));
      server.resume();
    },
    want: ['taken'],
  },
  {
    name: 'read but paused',
    act(server: Connection) {
      server.pause();
      server.read(recorder([]));
    },
    want: [],
  },
  { name: 'closed before', act: (server: Connection) => server.destroy('no'), want: ['refused: no'] },
]) {
  test(`a server's side that is ${name}`, async () => {
    const seen: string[] = [];
    const watch = { onTaken: () => seen.push('taken'), onRefused: (reason: string) => seen.push(`refused: ${reason}`) };
    const { server } = connectionPair(HERE, THERE, watch);
    act(server);
    await turn();
    assert.deepEqual(seen, want);
    server.destroy();
  });
}
