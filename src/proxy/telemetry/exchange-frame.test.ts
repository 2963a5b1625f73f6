import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeFrame, readFrame } from './exchange-frame.ts';

const NODE = {
  id: 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local',
  cluster: 'web',
  metadata: { NAME: 'web-0', NAMESPACE: 'shop', WORKLOAD_NAME: 'web', CLUSTER_ID: 'c1', LABELS: { app: 'web', version: 'v1', other: 'x' } },
};
const WEB = {
  name: 'web-0',
  namespace: 'shop',
  workload: 'web',
  clusterId: 'c1',
  canonicalService: '',
  canonicalRevision: '',
  app: 'web',
  version: 'v1',
};

test('a frame begins with its magic number and the length of an Any', () => {
  const frame = encodeFrame(NODE);
  assert.equal(frame.subarray(0, 4).toString('hex'), '3d230467');
  assert.equal(frame.readUInt32BE(4), frame.length - 8);
  assert.match(frame.toString('latin1'), /type\.googleapis\.com\/google\.protobuf\.Struct/);
  assert.match(frame.toString('latin1'), /x-envoy-peer-metadata-id/);
  assert.doesNotMatch(frame.toString('latin1'), /other/);
});

test('a frame is read once it is whole, and what follows it is left', () => {
  const frame = encodeFrame(NODE);
  const bytes = Buffer.concat([frame, Buffer.from('GET /')]);
  for (let end = 0; end < frame.length; end++) assert.deepEqual(readFrame(bytes.subarray(0, end)), { kind: 'incomplete' });
  for (let end = frame.length; end <= bytes.length; end++)
    assert.deepEqual(readFrame(bytes.subarray(0, end)), { kind: 'read', peer: WEB, bytes: frame.length });
});

const header = (length: number): Buffer => {
  const bytes = Buffer.from('3d23046700000000', 'hex');
  bytes.writeUInt32BE(length, 4);
  return bytes;
};

const CASES: readonly (readonly [name: string, bytes: Buffer, want: unknown])[] = [
  ['what is no frame is the application’s', Buffer.from('*1\r\n$4\r\nPING\r\n'), { kind: 'read', peer: undefined, bytes: 0 }],
  ['a message that is no Any', Buffer.concat([header(2), Buffer.from('ffff', 'hex')]), { kind: 'read', peer: undefined, bytes: 8 }],
  ['an empty Any says nothing', header(0), { kind: 'read', peer: undefined, bytes: 8 }],
  ['a message that is far too long', header(1_000_000), { kind: 'too-long', bytes: 1_000_000 }],
];
for (const [name, bytes, want] of CASES) test(name, () => assert.deepEqual(readFrame(bytes), want));

test('whatever comes is read or waited for', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(80), (message, length) => {
      const frame = readFrame(Buffer.concat([header(length), message]));
      if (frame.kind === 'incomplete') assert.ok(message.length < length);
      else assert.ok(frame.bytes === 8 || frame.bytes === 8 + length);
    }),
  );
});
