/** Asks other name servers: each query over a socket and a port of its own, with an id of its own. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const TRY_TIMEOUT_MS = 2_000;
const ROUNDS = 2;
const HEADER_BYTES = 12;

export interface DnsUpstream {
  readonly address: string;
  readonly port: number;
}

/** True where `response` is to `query`: same id and, byte for byte, the same question. */
function isResponseTo(query: Uint8Array, response: Uint8Array): boolean {
  if (response.length < HEADER_BYTES || ((response[2] ?? 0) & 0x80) === 0) return false;
  if (response[0] !== query[0] || response[1] !== query[1]) return false;
  let end = HEADER_BYTES;
  while ((query[end] ?? 0) !== 0) end += 1 + (query[end] ?? 0);
  end += 5;
  // some servers answer an error without repeating the question
  if (response[4] === 0 && response[5] === 0) return ((response[3] ?? 0) & 0xf) !== 0;
  const lower = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(HEADER_BYTES, end)).toString('latin1').toLowerCase();
  return lower(query) === lower(response);
}

function askUdp(query: Uint8Array, upstream: DnsUpstream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(upstream.address.includes(':') ? 'udp6' : 'udp4');
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      settle();
    };
    const timer = setTimeout(
      () => finish(() => reject(new Error(`no answer from ${upstream.address} in ${TRY_TIMEOUT_MS} ms`))),
      TRY_TIMEOUT_MS,
    );
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('message', (response) => {
      if (isResponseTo(query, response)) finish(() => resolve(response));
    });
    // a connected socket takes datagrams from its peer alone, and hears of a closed port
    socket.connect(upstream.port, upstream.address, () => socket.send(query));
  });
}

function askTcp(query: Uint8Array, upstream: DnsUpstream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect(upstream.port, upstream.address);
    let received = Buffer.alloc(0);
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(TRY_TIMEOUT_MS, () => fail(new Error(`no answer from ${upstream.address} in ${TRY_TIMEOUT_MS} ms`)));
    socket.on('error', fail);
    socket.on('end', () => fail(new Error(`${upstream.address} closed the connection`)));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const response = received.subarray(2, 2 + received.readUInt16BE(0));
      socket.destroy();
      if (isResponseTo(query, response)) resolve(response);
      else reject(new Error(`${upstream.address} answered another question`));
    });
    socket.write(Buffer.concat([Uint8Array.of(query.length >> 8, query.length & 0xff), query]));
  });
}

/** The bytes that the first of `upstreams` to answer sends for `query`, under the query's own id; rejects where none does. */
export async function forwardDns(query: Uint8Array, transport: 'udp' | 'tcp', upstreams: readonly DnsUpstream[]): Promise<Uint8Array> {
  const renamed = Uint8Array.from(query);
  new DataView(renamed.buffer).setUint16(0, randomInt(0x1_0000));
  const ask = transport === 'udp' ? askUdp : askTcp;
  let failure: unknown;
  for (let round = 0; round < ROUNDS; round++) {
    for (const upstream of upstreams) {
      try {
        // Servers are asked one after another, as resolv.conf says; not all at once.
        const response = Uint8Array.from(await ask(renamed, upstream));
        response.set(query.subarray(0, 2));
        return response;
      } catch (error) {
        failure = error;
      }
    }
  }
  throw failure;
}
