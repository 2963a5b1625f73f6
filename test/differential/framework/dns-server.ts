/** A name server on loopback that answers from a table, for topics that resolve names. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { responseTo } from '../../../src/wire/dns/answer.ts';
import { ipv4Bytes, ipv6Bytes } from '../../../src/wire/dns/address.ts';
import { CLASS_IN, type DnsRecord, parseDnsMessage, RCODE, RECORD_TYPE, serializeDnsMessage } from '../../../src/wire/dns/message.ts';

/** What is said of a name: its addresses, that it does not exist, that the server fails, or nothing at all. */
type Said = readonly string[] | 'unknown' | 'fails' | 'silent';

/** Answers by name, one after the other, the last one again and again. */
export type Zone = Readonly<Record<string, readonly Said[]>>;

export interface DnsServer {
  readonly port: number;
  /** How often a name was asked for IPv4 addresses. */
  asked(name: string): number;
  close(): Promise<void>;
}

function recordOf(name: string, address: string): DnsRecord {
  const isV6 = address.includes(':');
  const data = isV6 ? ipv6Bytes(address) : ipv4Bytes(address);
  return { name, type: isV6 ? RECORD_TYPE.aaaa : RECORD_TYPE.a, class: CLASS_IN, ttlSeconds: 1, data: data ?? new Uint8Array() };
}

/** The answer to a query; undefined for none. */
function answer(zone: Zone, counts: Map<string, number>, bytes: Uint8Array): Uint8Array | undefined {
  const query = parseDnsMessage(bytes);
  const [question] = query.questions;
  if (question === undefined) return serializeDnsMessage(responseTo(query, RCODE.formatError));
  const name = question.name.toLowerCase();
  const said = zone[name];
  const count = counts.get(name) ?? 0;
  if (question.type === RECORD_TYPE.a) counts.set(name, count + 1);
  const now = said?.[Math.min(count, said.length - 1)] ?? 'unknown';
  if (now === 'silent') return undefined;
  if (now === 'fails') return serializeDnsMessage(responseTo(query, RCODE.serverFailure));
  if (now === 'unknown') return serializeDnsMessage(responseTo(query, RCODE.nameError));
  const records = now.map((address) => recordOf(question.name, address)).filter(({ type }) => type === question.type);
  return serializeDnsMessage(responseTo(query, RCODE.ok, records));
}

/** Starts it on a free port of UDP. */
export async function startDnsServer(zone: Zone): Promise<DnsServer> {
  const counts = new Map<string, number>();
  const socket: Socket = createSocket('udp4');
  socket.on('message', (bytes, from) => {
    const response = answer(zone, counts, bytes);
    if (response !== undefined) socket.send(response, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    asked: (name) => counts.get(name) ?? 0,
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
