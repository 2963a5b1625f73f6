import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import { portOf } from './testing/port-of.ts';
import type { Connection, ConnectionHandlers } from './connection.ts';
import { takeIncoming } from './incoming.ts';
import { shareReads } from './shared-read.ts';
import { acceptConnection, connectTcp } from './socket-connection.ts';
import { useTcpBinding } from './tcp-binding.ts';

after(() => {
  shareReads(true);
  useTcpBinding(true);
});

async function serve(pauses: boolean, onConnection: (connection: Connection) => void): Promise<{ port: number; server: net.Server }> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: pauses });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  takeIncoming(server, (incoming) => onConnection(incoming.toConnection(incoming.local, incoming.remote)));
  return { port: portOf(server), server };
}

function dial(port: number, handlers: Partial<ConnectionHandlers>): Promise<Connection> {
  return new Promise((resolve, reject) => {
    connectTcp(
      { host: '127.0.0.1', port },
      { timeoutMs: 5000 },
      { onData() {}, onEnd() {}, onDrain() {}, onClose: (error) => reject(new Error(error)), ...handlers, onConnect: resolve },
    );
  });
}

function echo(connection: Connection): void {
  connection.read({
    onData: (bytes) => {
      if (!connection.writeBytes(bytes, true)) connection.pause();
    },
    onEnd: () => connection.end(),
    onDrain: () => connection.resume(),
    onClose() {},
  });
}

for (const mode of ['handles', 'onread', 'data']) {
  const inMode = (name: string, run: () => Promise<void>): void => {
    test(`${mode}: ${name}`, async () => {
      useTcpBinding(mode === 'handles');
      shareReads(mode !== 'data');
      await run();
    });
  };

  inMode('bytes come back whole and in order, then the end', async () => {
    const { port, server } = await serve(true, echo);
    const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
    const got: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const handlers = {
        onData: (bytes: Uint8Array) => void got.push(Buffer.from(bytes)),
        onEnd() {},
        onDrain() {},
        onClose: (error: string | undefined) => (error === undefined ? resolve() : reject(new Error(error))),
      };
      connectTcp(
        { host: '127.0.0.1', port },
        { timeoutMs: 5000 },
        {
          ...handlers,
          onConnect: (connection) => {
            connection.writeText('head\r\n');
            connection.writeBytes(sent, false);
            connection.end();
          },
        },
      );
    });
    assert.equal(Buffer.compare(Buffer.concat(got), Buffer.concat([Buffer.from('head\r\n'), sent])), 0);
    server.close();
    await once(server, 'close');
  });

  inMode('a reader that pauses fills its writer up, and drains it when it goes on', async () => {
    const drained = Promise.withResolvers<void>();
    const filled = Promise.withResolvers<Connection>();
    const { port, server } = await serve(true, (connection) => {
      connection.read({ onData() {}, onEnd() {}, onDrain: () => drained.resolve(), onClose() {} });
      const piece = Buffer.alloc(1 << 20);
      while (connection.writeBytes(piece, false)) continue;
      assert(connection.pendingBytes > 0);
      filled.resolve(connection);
    });
    const client = await dial(port, { onClose() {} });
    client.pause();
    const writer = await filled.promise;
    client.resume();
    await drained.promise;
    assert.equal(writer.pendingBytes, 0);
    client.destroy();
    server.close();
    await once(server, 'close');
  });

  inMode('a reset is told with its code', async () => {
    const closed = Promise.withResolvers<string | undefined>();
    const { port, server } = await serve(true, (connection) => {
      connection.read({ onData: () => client.destroy('enough', true), onEnd() {}, onDrain() {}, onClose: closed.resolve });
    });
    const client = await dial(port, { onClose() {} });
    client.writeText('x');
    assert.equal(await closed.promise, 'ECONNRESET');
    server.close();
    await once(server, 'close');
  });

  inMode('bytes that were read before, or put back, come first', async () => {
    const got = Promise.withResolvers<string>();
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {
      socket.unshift(Buffer.from('early '));
      let text = '';
      const connection = acceptConnection(socket);
      connection.read({
        onData: (bytes) => void (text += Buffer.from(bytes).toString()),
        onEnd: () => got.resolve(text),
        onDrain() {},
        onClose() {},
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = await dial(portOf(server), { onClose() {} });
    client.writeText('late');
    client.end();
    assert.equal(await got.promise, 'early late');
    client.destroy();
    server.close();
  });

  inMode('what is written in one turn leaves in one write where writes are gathered', async () => {
    const { port, server } = await serve(true, echo);
    const text = Promise.withResolvers<string>();
    let got = '';
    const client = await dial(port, {
      onClose() {},
      onData: (bytes) => {
        got += Buffer.from(bytes).toString();
        if (got.length >= 8) text.resolve(got);
      },
    });
    client.gatherWrites();
    client.writeText('ab');
    await Promise.resolve();
    client.writeText('cd');
    await new Promise((resolve) => process.nextTick(resolve));
    assert.equal(client.pendingBytes, 4);
    client.writeText('ef');
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(client.pendingBytes, 0);
    client.writeText('gh');
    client.end();
    assert.equal(await text.promise, 'abcdefgh');
    server.close();
    await once(server, 'close');
  });

  inMode('a refused connection is told by its code', async () => {
    const { port, server } = await serve(true, echo);
    server.close();
    await once(server, 'close');
    await assert.rejects(dial(port, {}), /ECONNREFUSED/);
  });

  inMode('who writes is told to wait by the limit that is set, and when all has left after an end', async () => {
    const said: string[] = [];
    const { port, server } = await serve(true, (connection) => {
      connection.limitBuffer?.(1);
      connection.read({ onData() {}, onEnd() {}, onDrain: () => void said.push('drain'), onClose() {} });
      // more than the kernel takes, in one piece
      assert.equal(connection.writeBytes(Buffer.alloc(32 << 20), false), false);
      connection.end();
    });
    const ended = Promise.withResolvers<void>();
    let bytes = 0;
    const client = await dial(port, { onData: (chunk) => void (bytes += chunk.length), onEnd: () => ended.resolve(), onClose() {} });
    await ended.promise;
    assert.equal(bytes, 32 << 20);
    assert.ok(said.length > 0);
    client.destroy();
    server.close();
    await once(server, 'close');
  });

  inMode('a limit above what is pending stops nobody', async () => {
    const answer = Promise.withResolvers<boolean>();
    const { port, server } = await serve(true, (connection) => {
      connection.limitBuffer?.(64 << 20);
      connection.read({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
      answer.resolve(connection.writeBytes(Buffer.alloc(32 << 20), false));
    });
    const client = await dial(port, { onClose() {} });
    assert.equal(await answer.promise, true);
    client.destroy('enough', true);
    server.close();
    await once(server, 'close');
  });
}

test('handles and sockets: what comes while an end is under way is heard, and both ends close', async () => {
  for (const isOn of [true, false]) {
    useTcpBinding(isOn);
    const heard = Promise.withResolvers<string>();
    let text = '';
    const { port, server } = await serve(true, (connection) => {
      connection.read({
        onData: (bytes) => void (text += Buffer.from(bytes).toString()),
        onEnd() {},
        onDrain() {},
        onClose: (error) => heard.resolve(`${text} ${error ?? 'clean'}`),
      });
      connection.end();
    });
    const client = await dial(port, { onClose() {} });
    client.writeText('late');
    client.end();
    assert.equal(await heard.promise, 'late clean');
    server.close();
    await once(server, 'close');
  }
});
