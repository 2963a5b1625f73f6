/** An origin that remembers what it was sent and misbehaves as a request asks (wishes.ts), on a port for each way to speak. */
import { constants } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { portOf } from '../../../src/net/testing/port-of.ts';
import type { Certificates } from './certificates.ts';
import { serveHttp1 } from './origin-h1.ts';
import { serveHttp2 } from './origin-h2.ts';

/** One request as it came in. */
export interface Seen {
  /** The request line; of HTTP/2 what it would be, with `HTTP/2`. */
  readonly line: string;
  /** Field lines as they came, in their order; of HTTP/2 with `:scheme` and `:authority`. */
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  /** How the request ended where not as it should: `reset CANCEL`. */
  readonly end?: string;
  /** TLS: server name, ALPN and the client's names. */
  readonly tls?: string;
}

/** Where origins of HTTP/1.1 and HTTP/2 note what they see. */
export interface Notebook {
  /** Notes a request that has begun; gives its number among those with the same `x-case`, from 0. */
  note(caseName: string, seen: () => Seen): number;
}

export interface OriginPorts {
  /** HTTP/1.1 in clear text. */
  readonly origin: number;
  /** HTTP/2 in clear text, with prior knowledge. */
  readonly originH2: number;
  /** TLS that asks for a client's certificate, HTTP/2 or HTTP/1.1 by ALPN. */
  readonly originTls: number;
  /** The same without HTTP/2. */
  readonly originTlsH1: number;
}

export interface Origin {
  readonly ports: OriginPorts;
  /** Requests by their `x-case`, in the order in which they came. */
  seen(caseName: string): readonly Seen[];
  /** Forgets what it has seen of a case that is run again. */
  forget(caseName: string): void;
  close(): Promise<void>;
}

function describeTls(socket: tls.TLSSocket): string {
  const { subjectaltname = 'none' } = socket.getPeerCertificate();
  // its type says string; it is false where the client names no server
  return `sni ${String(socket.servername)}, alpn ${String(socket.alpnProtocol)}, client ${subjectaltname}`;
}

async function listen(server: net.Server, sockets: Set<net.Socket>): Promise<net.Server> {
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Starts it on ports of loopback that are free. */
export async function startOrigin(certificates: Certificates): Promise<Origin> {
  const requests = new Map<string, (() => Seen)[]>();
  const notebook: Notebook = {
    note(caseName, seen) {
      const list = requests.get(caseName) ?? [];
      requests.set(caseName, [...list, seen]);
      return list.length;
    },
  };
  const sockets = new Set<net.Socket>();
  const { certificateChain: cert, privateKey: key } = certificates.origin;
  // without resumed sessions, of which Node does not tell the server's name
  const secureOptions = constants.SSL_OP_NO_TICKET;
  const secure = { cert, key, ca: certificates.root, requestCert: true, rejectUnauthorized: false, secureOptions };
  const serveTls = (socket: tls.TLSSocket): void => {
    socket.on('error', () => socket.destroy());
    const serve = socket.alpnProtocol === 'h2' ? serveHttp2 : serveHttp1;
    serve(socket, notebook, describeTls(socket));
  };
  const [plain, h2, both, h1] = await Promise.all([
    listen(
      net.createServer((socket) => serveHttp1(socket, notebook)),
      sockets,
    ),
    listen(
      net.createServer((socket) => serveHttp2(socket, notebook)),
      sockets,
    ),
    listen(tls.createServer({ ...secure, ALPNProtocols: ['h2', 'http/1.1'] }, serveTls), sockets),
    listen(tls.createServer({ ...secure, ALPNProtocols: ['http/1.1'] }, serveTls), sockets),
  ]);
  const servers = [plain, h2, both, h1];
  return {
    ports: { origin: portOf(plain), originH2: portOf(h2), originTls: portOf(both), originTlsH1: portOf(h1) },
    seen: (name) => (requests.get(name) ?? []).map((seen) => seen()),
    forget: (name) => void requests.delete(name),
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(
        servers.map(async (server) => {
          server.close();
          await once(server, 'close');
        }),
      );
    },
  };
}
