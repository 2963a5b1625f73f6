import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../core/errors.ts';
import { ipv4Bytes, ipv6Bytes } from './address.ts';
import { answerQuery, udpBytesMax } from './answer.ts';
import type { DnsMessage } from './message.ts';
import { parseDnsMessage, serializeDnsMessage } from './message.ts';
import { readName, writeName } from './name.ts';
import { parseResolvConf } from './resolv-conf.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

function query(name: string, type: number, additionals: DnsMessage['additionals'] = []): DnsMessage {
  return {
    id: 7,
    isResponse: false,
    opcode: 0,
    isAuthoritative: false,
    isTruncated: false,
    isRecursionDesired: true,
    isRecursionAvailable: false,
    rcode: 0,
    questions: [{ name, type, class: 1 }],
    answers: [],
    authorities: [],
    additionals,
  };
}

const opt = (payloadBytes: number, ttlSeconds = 0): DnsMessage['additionals'] => [
  { name: '', type: 41, class: payloadBytes, ttlSeconds, data: new Uint8Array() },
];

test('a query as dig sends it', () => {
  const bytes = hex('0007 0100 0001 0000 0000 0001  08 7061796d656e7473 04 73686f70 00  0001 0001  00 0029 04d0 00000000 0000');
  const message = parseDnsMessage(bytes);
  assert.deepEqual(message.questions, [{ name: 'payments.shop', type: 1, class: 1 }]);
  assert.equal(message.additionals[0]?.class, 1232);
  assert.deepEqual(serializeDnsMessage(message), bytes);
});

const MALFORMED = [
  { name: 'no header', bytes: '0007 01', reason: /shorter than its header/ },
  { name: 'a question is missing', bytes: '0007 0100 0001 0000 0000 0000', reason: /past the end/ },
  { name: 'a pointer to itself', bytes: '0007 0100 0001 0000 0000 0000 c00c 0001 0001', reason: /backwards/ },
  { name: 'a pointer forwards', bytes: '0007 0100 0001 0000 0000 0000 c00e 00 0001 0001', reason: /backwards/ },
  { name: 'an unknown label type', bytes: '0007 0100 0001 0000 0000 0000 40 00 0001 0001', reason: /unknown type/ },
  { name: 'bytes left over', bytes: '0007 0100 0000 0000 0000 0000 00', reason: /after the last record/ },
  { name: 'data past the end', bytes: '0007 8180 0000 0001 0000 0000 00 0001 0001 00000000 0004 7f', reason: /past the end/ },
];

for (const { name, bytes, reason } of MALFORMED) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => parseDnsMessage(hex(bytes)),
      (error) => error instanceof ProtocolError && reason.test(error.message),
    );
  });
}

test('a name of more than 255 bytes is refused', () => {
  assert.throws(() => writeName(Array.from({ length: 128 }, () => 'a').join('.')), ProtocolError);
});

test('names survive the wire', () => {
  const label = fc.uint8Array({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(label, { maxLength: 8 }), (labels) => {
      const wire = Uint8Array.from([...labels.flatMap((bytes) => [bytes.length, ...bytes]), 0]);
      const { name, end } = readName(wire, 0);
      assert.equal(end, wire.length);
      assert.deepEqual(writeName(name), wire);
    }),
  );
});

test('whatever bytes come, the parser answers or throws ProtocolError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        const message = parseDnsMessage(bytes);
        assert.deepEqual(parseDnsMessage(serializeDnsMessage(message)), message);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

const TABLE: Readonly<Record<string, readonly string[]>> = { payments: ['10.0.0.1', 'fd00::1'], 'payments.shop': ['10.0.0.1'] };
const resolve = (name: string, type: 'A' | 'AAAA'): readonly string[] | undefined =>
  TABLE[name]?.filter((address) => address.includes(':') === (type === 'AAAA'));

const ANSWERS = [
  { name: 'an address', ask: query('payments', 1), rcode: 0, data: [ipv4Bytes('10.0.0.1')] },
  { name: 'case does not matter', ask: query('PayMents', 1), rcode: 0, data: [ipv4Bytes('10.0.0.1')] },
  { name: 'IPv6', ask: query('payments', 28), rcode: 0, data: [ipv6Bytes('fd00::1')] },
  { name: 'a type that the name has not', ask: query('payments.shop', 28), rcode: 0, data: [] },
  { name: 'HTTPS records: none, not forwarded', ask: query('payments', 65), rcode: 0, data: [] },
  { name: 'a search domain is taken off', ask: query('payments.corp.example', 1), rcode: 0, data: [ipv4Bytes('10.0.0.1')] },
  { name: 'another opcode', ask: { ...query('payments', 1), opcode: 4 }, rcode: 4, data: [] },
  {
    name: 'two questions',
    ask: { ...query('a', 1), questions: [...query('a', 1).questions, ...query('b', 1).questions] },
    rcode: 1,
    data: [],
  },
];

for (const { name, ask, rcode, data } of ANSWERS) {
  test(`answer: ${name}`, () => {
    const answer = answerQuery(ask, resolve, ['corp.example']);
    assert.equal(answer?.rcode, rcode);
    assert.deepEqual(
      answer?.answers.map((record) => record.data),
      data,
    );
  });
}

test('a name of others is left to others', () => {
  assert.equal(answerQuery(query('example.com', 1), resolve, []), undefined);
});

test('EDNS: echoed, bounded, and only version 0', () => {
  assert.equal(answerQuery(query('payments', 1, opt(4096)), resolve, [])?.additionals[0]?.class, 1232);
  assert.equal(answerQuery(query('payments', 1), resolve, [])?.additionals.length, 0);
  assert.equal(udpBytesMax(query('payments', 1)), 512);
  assert.equal(udpBytesMax(query('payments', 1, opt(4096))), 1232);
  const badVersion = answerQuery(query('payments', 1, opt(512, 0x1_0000)), resolve, []);
  assert.equal(badVersion?.additionals[0]?.ttlSeconds, 0x100_0000);
});

test('what does not fit is left out and marked', () => {
  const many = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`);
  const answer = answerQuery(query('payments', 1, opt(512)), (_, type) => (type === 'A' ? many : []), []);
  assert.ok(answer);
  const bytes = serializeDnsMessage(answer, 512);
  assert.ok(bytes.length <= 512);
  const read = parseDnsMessage(bytes);
  assert.equal(read.isTruncated, true);
  assert.equal(read.answers.length, 29);
  assert.equal(read.additionals.length, 1);
});

const IPV6 = [
  { text: '::', bytes: '00000000000000000000000000000000' },
  { text: '::1', bytes: '00000000000000000000000000000001' },
  { text: 'fd74:756c::a', bytes: 'fd74756c00000000000000000000000a' },
  { text: '::ffff:10.0.0.1', bytes: '00000000000000000000ffff0a000001' },
  { text: '1:2:3:4:5:6:7:8', bytes: '00010002000300040005000600070008' },
];
for (const { text, bytes } of IPV6) test(`AAAA data of ${text}`, () => assert.deepEqual(ipv6Bytes(text), hex(bytes)));

test('resolv.conf', () => {
  const text =
    '# written by hand\nnameserver 10.0.0.2\nnameserver fd00::2 \ndomain ignored.example\nsearch corp.example. b.example\noptions ndots:1\n';
  assert.deepEqual(parseResolvConf(text), { nameservers: ['10.0.0.2', 'fd00::2'], searchDomains: ['corp.example', 'b.example'] });
});
