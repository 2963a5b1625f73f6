/**
 * A name server for one workload: answers the mesh's names itself and forwards every other query, byte for byte,
 * to the machine's own servers. UDP (RFC 1035, section 4.2.1) and TCP (RFC 7766); no cache, no zone transfer.
 */
import type { Socket as UdpSocket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import type { ResolveName } from '../wire/dns/answer.ts';
import { answerQuery, responseTo, udpBytesMax } from '../wire/dns/answer.ts';
import type { DnsMessage } from '../wire/dns/message.ts';
import { parseDnsMessage, RCODE, serializeDnsMessage } from '../wire/dns/message.ts';
import type { DnsUpstream } from './dns-forward.ts';
import { forwardDns } from './dns-forward.ts';

const TCP_IDLE_MS = 10_000;
const TCP_CONNECTIONS_MAX = 64;
const PENDING_FORWARDS_MAX = 512;
const HEADER_BYTES = 12;
const RESPONSE_BIT = 0x80;

export interface DnsServerOptions {
  readonly address: string;
  /** 0 takes a free one, the same for UDP and TCP. */
  readonly port: number;
  readonly resolve: ResolveName;
  /** Asked in order for names that are not ours; none: such names do not exist. */
  readonly upstreams: readonly DnsUpstream[];
  /** Domains that resolvers put behind short names, lower case. */
  readonly searchDomains?: readonly string[];
  readonly log: Log;
}

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

type Transport = 'udp' | 'tcp';

/** A FORMERR for what cannot be parsed but has an id to answer to. */
function formatError(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < HEADER_BYTES || ((bytes[2] ?? 0) & RESPONSE_BIT) !== 0) return undefined;
  const answer = new Uint8Array(HEADER_BYTES);
  answer.set(bytes.subarray(0, 2));
  answer[2] = RESPONSE_BIT;
  answer[3] = RCODE.formatError;
  return answer;
}

function parsed(bytes: Uint8Array): DnsMessage | undefined {
  try {
    return parseDnsMessage(bytes);
  } catch {
    return undefined;
  }
}

/** A function from the bytes of a query to those of its answer; undefined: no answer at all. */
function answerer(options: DnsServerOptions): (bytes: Uint8Array, transport: Transport) => Promise<Uint8Array | undefined> {
  let pendingForwards = 0;
  const forward = async (query: DnsMessage, bytes: Uint8Array, transport: Transport): Promise<Uint8Array> => {
    if (options.upstreams.length === 0) return serializeDnsMessage(responseTo(query, RCODE.nameError));
    if (pendingForwards >= PENDING_FORWARDS_MAX) return serializeDnsMessage(responseTo(query, RCODE.refused));
    pendingForwards++;
    try {
      return await forwardDns(bytes, transport, options.upstreams);
    } catch (error) {
      options.log.warn('DNS query not answered by any upstream', { name: query.questions[0]?.name, reason: messageOf(error) });
      return serializeDnsMessage(responseTo(query, RCODE.serverFailure));
    } finally {
      pendingForwards--;
    }
  };
  return async (bytes, transport) => {
    const query = parsed(bytes);
    if (query === undefined) return formatError(bytes);
    if (query.isResponse) return undefined;
    const answer = answerQuery(query, options.resolve, options.searchDomains ?? []);
    if (answer === undefined) return forward(query, bytes, transport);
    return serializeDnsMessage(answer, transport === 'udp' ? udpBytesMax(query) : undefined);
  };
}

type Answer = ReturnType<typeof answerer>;

async function listenUdp(options: DnsServerOptions, port: number, answer: Answer): Promise<UdpSocket> {
  // bind refuses ipv6Only for an IPv4 socket (EINVAL)
  const socket = createSocket(options.address.includes(':') ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' });
  socket.on('message', (bytes, from) => {
    void answer(bytes, 'udp').then((response) => {
      // a peer that went away is no news, and the socket may be closed by now
      if (response !== undefined && !closed.has(socket)) socket.send(response, from.port, from.address, () => undefined);
    });
  });
  socket.bind(port, options.address);
  try {
    await once(socket, 'listening');
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.on('error', (error) => options.log.warn('DNS socket failed', { reason: error.message }));
  return socket;
}

const closed = new WeakSet<UdpSocket>();

/** Reads length-prefixed queries (RFC 1035, section 4.2.2) and answers them in order. */
function serveTcp(socket: Socket, answer: Answer): void {
  let buffered = Buffer.alloc(0);
  let turn = Promise.resolve();
  const reply = async (query: Uint8Array): Promise<void> => {
    const response = await answer(query, 'tcp');
    if (response === undefined || socket.destroyed) return;
    socket.write(Buffer.concat([Uint8Array.of(response.length >> 8, response.length & 0xff), response]));
  };
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
      const end = 2 + buffered.readUInt16BE(0);
      const query = Uint8Array.from(buffered.subarray(2, end));
      buffered = buffered.subarray(end);
      socket.pause(); // one query at a time bounds what a client can make us hold
      turn = turn.then(() => reply(query)).then(() => void socket.resume());
    }
  });
}

async function listenTcp(options: DnsServerOptions, answer: Answer): Promise<{ server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serveTcp(socket, answer);
  });
  server.maxConnections = TCP_CONNECTIONS_MAX;
  server.listen({ host: options.address, port: options.port, ipv6Only: true });
  await once(server, 'listening');
  return { server, sockets };
}

/** Starts to answer on UDP and TCP; rejects where the address cannot be bound. */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const answer = answerer(options);
  const { server, sockets } = await listenTcp(options, answer);
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : options.port;
  try {
    const udp = await listenUdp(options, port, answer);
    return {
      port,
      async close() {
        closed.add(udp);
        udp.close();
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  } catch (error) {
    server.close();
    throw error;
  }
}
