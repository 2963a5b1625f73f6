/** A TLS client that says what it saw of a handshake, as an answer: `of TLS 1.3, its certificate, ALPN, ...`, or how it was refused. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { TestKeyPair } from '../../../src/net/testing/certificates.ts';
import { type Answer, type Case, type CaseOptions, newCase, tagOf } from './case.ts';

export interface TlsClient extends tls.ConnectionOptions {
  /** The client's certificate; none without. */
  readonly pair?: TestKeyPair;
  /** How many connections are made, each offering the session that the one before was given. */
  readonly times?: number;
  readonly path?: string;
  /** Further field lines of the request. */
  readonly fields?: readonly string[];
}

const PATIENCE_MS = 60_000;
/** One of each kind of key, so that the server's own preferences do not show. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256';

/** The alert that ended a connection, by the name that RFC 8446 gives it; '' where it just closed. */
function alertOf(error: Error | undefined): string {
  const code: unknown = error === undefined ? undefined : Reflect.get(error, 'code');
  const found = typeof code === 'string' ? /ALERT_(.*)$/.exec(code)?.[1] : undefined;
  return (found ?? '').toLowerCase();
}

interface Seen {
  readonly answer: Answer;
  readonly session: Buffer | undefined;
  readonly port: number;
}

function describe(socket: tls.TLSSocket, hasStaple: boolean): string[] {
  const info: unknown = socket.getEphemeralKeyInfo();
  const group: unknown = typeof info === 'object' && info !== null ? Reflect.get(info, 'name') : undefined;
  const certificate = socket.isSessionReused() ? undefined : socket.getPeerX509Certificate();
  return [
    `version: ${socket.getProtocol() ?? ''}`,
    `cipher: ${socket.getCipher().name}`,
    `group: ${String(group)}`,
    `certificate: ${certificate?.subject ?? 'not shown'} ${certificate?.publicKey.asymmetricKeyType ?? ''}`,
    `protocol: ${String(socket.alpnProtocol)}`,
    `resumed: ${socket.isSessionReused()}`,
    `staple: ${hasStaple}`,
  ];
}

async function connect(port: number, name: string, client: TlsClient, session: Buffer | undefined): Promise<Seen> {
  const { pair, times: _times, path = '/x', fields = [], ...options } = client;
  const own = pair === undefined ? {} : { cert: pair.certificateChain, key: pair.privateKey };
  const raw = net.connect(port, '127.0.0.1');
  await once(raw, 'connect');
  const localPort = raw.localPort ?? 0;
  const socket = tls.connect({
    ciphers: CIPHERS,
    socket: raw,
    rejectUnauthorized: false,
    ...own,
    ...options,
    ...(session === undefined ? {} : { session }),
  });
  let seen: string[] = [];
  let text = '';
  let error: Error | undefined;
  let latest: Buffer | undefined;
  let hasStaple = false;
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.on('OCSPResponse', (response: Buffer | null) => (hasStaple = response !== null && response.length > 0));
  socket.on('session', (given) => (latest = given));
  socket.on('error', (cause) => (error = cause));
  socket.on('secureConnect', () => {
    seen = describe(socket, hasStaple);
    socket.write(
      [
        'GET ',
        path,
        ' HTTP/1.1\r\nhost: any.test\r\n',
        ...fields.map((line) => `${line}\r\n`),
        `x-case: ${tagOf(name)}\r\nconnection: close\r\n\r\n`,
      ].join(''),
    );
  });
  socket.on('data', (bytes) => (text += bytes.toString('latin1')));
  await once(socket, 'close').catch(() => undefined);
  const [line = ''] = text.split('\r\n', 1);
  const answer = line === '' ? { line: 'refused', fields: [`alert: ${alertOf(error) || 'none'}`] } : { line, fields: seen };
  return { answer: { ...answer, body: '', trailers: [], isWhole: true }, session: latest, port: localPort };
}

/** A case of handshakes with a listener. */
export function shake(name: string, client: TlsClient, options: CaseOptions = {}): Case {
  return newCase(
    name,
    async ({ port }) => {
      const answers: Answer[] = [];
      let last: Seen | undefined;
      for (let i = 0; i < (client.times ?? 1); i++) {
        last = await connect(port, name, client, last?.session);
        answers.push(last.answer);
      }
      return { answers, connection: 'closed', port: last?.port ?? -1 };
    },
    options,
  );
}
