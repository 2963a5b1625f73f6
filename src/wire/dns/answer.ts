/** What a mesh's name server says to one query, before any other server is asked. Pure. */
import { ipv4Bytes, ipv6Bytes } from './address.ts';
import type { DnsMessage, DnsQuestion, DnsRecord } from './message.ts';
import { CLASS_IN, RCODE, RECORD_TYPE } from './message.ts';

/** As Istio's DNS proxy: short enough to follow a service that moves. */
const ANSWER_TTL_SECONDS = 30;
/** Largest UDP answer offered (RFC 6891; the 2020 DNS flag day's value, which does not fragment). */
const UDP_PAYLOAD_BYTES = 1232;
const UDP_PAYLOAD_BYTES_MIN = 512;
const BAD_VERSION = 16;

/** Addresses of a name, lower case without last dot; [] where it exists without that type, undefined where it is not ours. */
export type ResolveName = (name: string, type: 'A' | 'AAAA') => readonly string[] | undefined;

function edns(query: DnsMessage): DnsRecord | undefined {
  return query.additionals.find((record) => record.type === RECORD_TYPE.opt);
}

/** The largest UDP answer, in bytes, that the sender of `query` takes from us. */
export function udpBytesMax(query: DnsMessage): number {
  return Math.min(Math.max(edns(query)?.class ?? 0, UDP_PAYLOAD_BYTES_MIN), UDP_PAYLOAD_BYTES);
}

/** A response to `query`. `rcode` may be an extended one (RFC 6891, section 6.1.3) where the query has EDNS. */
export function responseTo(query: DnsMessage, rcode: number, answers: readonly DnsRecord[] = []): DnsMessage {
  const asked = edns(query);
  const opt: DnsRecord = {
    name: '',
    type: RECORD_TYPE.opt,
    class: UDP_PAYLOAD_BYTES,
    ttlSeconds: (rcode >> 4) * 0x100_0000,
    data: new Uint8Array(),
  };
  return {
    id: query.id,
    isResponse: true,
    opcode: query.opcode,
    isAuthoritative: answers.length > 0,
    isTruncated: false,
    isRecursionDesired: query.isRecursionDesired,
    isRecursionAvailable: true,
    rcode: rcode & 0xf,
    questions: query.questions,
    answers,
    authorities: [],
    additionals: asked === undefined ? [] : [opt],
  };
}

function recordsOf(question: DnsQuestion, name: string, resolve: ResolveName): DnsRecord[] | undefined {
  const ipv4 = resolve(name, 'A');
  const ipv6 = resolve(name, 'AAAA');
  if (ipv4 === undefined && ipv6 === undefined) return undefined;
  const record = (type: number, data: Uint8Array): DnsRecord => ({
    name: question.name,
    type,
    class: CLASS_IN,
    ttlSeconds: ANSWER_TTL_SECONDS,
    data,
  });
  const wants = (type: number): boolean => question.type === type || question.type === RECORD_TYPE.any;
  return [
    ...(wants(RECORD_TYPE.a) ? (ipv4 ?? []).map((address) => record(RECORD_TYPE.a, ipv4Bytes(address))) : []),
    ...(wants(RECORD_TYPE.aaaa) ? (ipv6 ?? []).map((address) => record(RECORD_TYPE.aaaa, ipv6Bytes(address))) : []),
  ];
}

/** The name as asked, then without each search domain that a resolver may have put behind it. */
function candidates(name: string, searchDomains: readonly string[]): string[] {
  const stripped = searchDomains.filter((domain) => name.endsWith(`.${domain}`)).map((domain) => name.slice(0, -domain.length - 1));
  return [name, ...stripped];
}

/** Our answer to `query`, or undefined where its name is not ours and another server must be asked. */
export function answerQuery(query: DnsMessage, resolve: ResolveName, searchDomains: readonly string[]): DnsMessage | undefined {
  if (query.opcode !== 0) return responseTo(query, RCODE.notImplemented);
  const [question, ...more] = query.questions;
  if (question === undefined || more.length > 0) return responseTo(query, RCODE.formatError);
  const version = Math.floor((edns(query)?.ttlSeconds ?? 0) / 0x1_0000) & 0xff;
  if (version > 0) return responseTo(query, BAD_VERSION);
  if (question.class !== CLASS_IN) return undefined;
  for (const name of candidates(question.name.toLowerCase(), searchDomains)) {
    const records = recordsOf(question, name, resolve);
    if (records !== undefined) return responseTo(query, RCODE.ok, records);
  }
  return undefined;
}
