/** Connections over TLS, both sides, in both ways of reading. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import tls, { type TLSSocket } from 'node:tls';
import { portOf } from './testing/port-of.ts';
import type { Connection } from './connection.ts';
import { shareReads } from './shared-read.ts';
import { wrapTls } from './socket-connection.ts';
import { createTestCa } from './testing/certificates.ts';
import { acceptTls } from './tls-accept.ts';
import { dialTls } from './tls-dial.ts';

after(() => shareReads(true));

const ca = createTestCa('test');
const pair = ca.issue('DNS:localhost');

interface Ends {
  readonly client: Connection;
  readonly server: Connection;
  readonly close: () => Promise<void>;
}

/** Two ends of a TLS connection. `greet` is called on the server's socket as soon as its handshake is done. */
async function connect(greet: (socket: TLSSocket) => void = () => {}): Promise<Ends> {
  const acceptOptions = {
    context: tls.createSecureContext({ key: pair.privateKey, cert: pair.certificateChain }),
    alpn: [],
    asksCertificate: false,
    requiresCertificate: false,
    timeoutMs: 5000,
    stapler: undefined,
  };
  const accepted = Promise.withResolvers<Connection>();
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
    acceptTls(socket, acceptOptions, {
      onSecure(secured) {
        greet(secured);
        accepted.resolve(wrapTls(secured));
      },
      onFailure: (reason) => accepted.reject(new Error(reason)),
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const options = {
    address: { host: '127.0.0.1', port: portOf(server) },
    bind: undefined,
    context: tls.createSecureContext({ ca: ca.root }),
    serverName: 'localhost',
    alpn: [],
    session: undefined,
    timeoutMs: 5000,
    keepAlive: undefined,
  };
  const client = await new Promise<Connection>((resolve, reject) => {
    dialTls(options, {
      onSecure: (socket) => resolve(wrapTls(socket)),
      onFailure: (_kind, reason) => reject(new Error(reason)),
      onSession() {},
    });
  });
  const ends = await accepted.promise;
  return {
    client,
    server: ends,
    close: async () => {
      client.destroy();
      ends.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** All bytes until the peer's end. */
function readAll(connection: Connection, onData?: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    connection.read({
      onData(bytes) {
        pieces.push(Buffer.from(bytes));
        onData?.(bytes.length);
      },
      onEnd: () => resolve(Buffer.concat(pieces)),
      onDrain() {},
      onClose: (error) => reject(new Error(error)),
    });
  });
}

function pattern(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 13 + (i >> 10)) & 255));
}

for (const mode of ['onread', 'data']) {
  const inMode = (name: string, run: () => Promise<void>): void => {
    test(`${mode}: ${name}`, async () => {
      shareReads(mode === 'onread');
      await run();
    });
  };

  inMode('bytes arrive whole, both ways, then the end', async () => {
    const { client, server, close } = await connect();
    const body = pattern(2_000_000);
    const atServer = readAll(server);
    const atClient = readAll(client);
    client.writeText('to the server');
    client.writeBytes(body, false);
    client.end();
    server.writeText('to the client');
    server.writeBytes(body, false);
    server.end();
    assert(Buffer.concat([Buffer.from('to the server'), body]).equals(await atServer));
    assert(Buffer.concat([Buffer.from('to the client'), body]).equals(await atClient));
    await close();
  });

  inMode('a reader that pauses again and again misses nothing, and its end comes last', async () => {
    const { client, server, close } = await connect();
    const body = pattern(700_000);
    let isPaused = false;
    const got = readAll(client, () => {
      assert(!isPaused, 'nothing is given while it is paused');
      isPaused = true;
      client.pause();
      setImmediate(() => {
        isPaused = false;
        client.resume();
      });
    });
    server.writeBytes(body, false);
    server.end();
    assert(body.equals(await got));
    await close();
  });

  inMode('what comes with the handshake is not lost, however late its reader', async () => {
    const { client, close } = await connect((socket) => socket.end('early bird'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await readAll(client)).toString(), 'early bird');
    await close();
  });
}

test('an alert after the handshake is told in few words', async () => {
  let socket: TLSSocket | undefined;
  const { server, close } = await connect((each) => (socket = each));
  const closed = new Promise((resolve) => server.read({ onData() {}, onEnd() {}, onDrain() {}, onClose: resolve }));
  const reason = 'tlsv13 alert certificate required';
  const code = 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED';
  socket?.destroy(Object.assign(new Error(`400D4B5E:error:0A00045C:SSL routines:ssl3_read_bytes:${reason}`), { code, reason }));
  assert.equal(await closed, `TLS_error:|SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:${reason}`);
  await close();
});
