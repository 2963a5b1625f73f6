import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { portOf } from './testing/port-of.ts';
import { SLAB_BYTES } from './slabs.ts';
import { SocketDuct } from './socket-duct.ts';
import { WriteQueue } from './write-queue.ts';

/** A socket whose other end keeps all that comes, and reads nothing before `read` is called. */
async function socketPair(t: {
  after(run: () => void): void;
}): Promise<{ readonly socket: net.Socket; readonly duct: SocketDuct; readonly read: () => Promise<Buffer> }> {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = net.connect(portOf(server), '127.0.0.1');
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  await once(socket, 'connect');
  const peer = await accepted;
  t.after(() => {
    socket.destroy();
    peer.destroy();
    server.close();
  });
  const nobody = { onRead() {}, onDuctEnd() {}, onDuctDrain() {}, onDuctError() {}, onDuctClose() {} };
  return {
    socket,
    duct: new SocketDuct(socket, nobody, false),
    async read() {
      const pieces: Buffer[] = [];
      peer.on('data', (piece: Buffer) => pieces.push(piece)).resume();
      socket.end();
      await once(peer, 'end');
      return Buffer.concat(pieces);
    },
  };
}

type Piece = { readonly text: string } | { readonly size: number; readonly isBorrowed: boolean };

const PIECE = fc.oneof(
  fc.record({ text: fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) }) }),
  fc.record({ size: fc.integer({ min: 0, max: SLAB_BYTES * 3 }), isBorrowed: fc.boolean() }),
  fc.record({ size: fc.constantFrom(1, 2048, 2049, SLAB_BYTES - 1, SLAB_BYTES, SLAB_BYTES + 1), isBorrowed: fc.boolean() }),
);

test('what is queued comes out in order, borrowed bytes as they were', async (t) => {
  const run = async (turns: readonly (readonly Piece[])[]): Promise<void> => {
    const queue = new WriteQueue();
    const { socket, duct, read } = await socketPair(t);
    const wanted: Buffer[] = [];
    let fill = 0;
    for (const pieces of turns) {
      for (const piece of pieces) {
        if ('text' in piece) {
          queue.addText(piece.text);
          wanted.push(Buffer.from(piece.text, 'latin1'));
        } else {
          const bytes = Buffer.alloc(piece.size, ++fill);
          wanted.push(Buffer.from(bytes));
          queue.addBytes(bytes, piece.isBorrowed);
          if (piece.isBorrowed) bytes.fill(0);
        }
      }
      const bytes = wanted.reduce((sum, { length }) => sum + length, 0);
      assert.equal(queue.bytes + socket.bytesWritten, bytes);
      queue.flush(duct);
      assert.equal(queue.bytes, 0);
    }
    assert.deepEqual(await read(), Buffer.concat(wanted));
  };
  await fc.assert(fc.asyncProperty(fc.array(fc.array(PIECE, { maxLength: 6 }), { maxLength: 4 }), run), { numRuns: 60 });
});

test('a slab is not used again while the kernel has not taken it', async (t) => {
  const { socket, duct, read } = await socketPair(t);
  const queue = new WriteQueue();
  const wanted: Buffer[] = [];
  for (let turn = 0; turn < 400; turn++) {
    const bytes = Buffer.alloc(SLAB_BYTES - 1, turn);
    wanted.push(bytes);
    queue.addBytes(bytes, true);
    queue.flush(duct);
  }
  assert.ok(socket.writableLength > 0, 'the kernel took everything: too little was written');
  assert.ok((await read()).equals(Buffer.concat(wanted)));
});

test('what was cleared is not written', async (t) => {
  const { duct, read } = await socketPair(t);
  const queue = new WriteQueue();
  queue.addText('head');
  queue.addBytes(Buffer.alloc(SLAB_BYTES * 2, 1), true);
  queue.clear();
  assert.equal(queue.bytes, 0);
  queue.addText('after');
  queue.flush(duct);
  assert.equal((await read()).toString(), 'after');
});
