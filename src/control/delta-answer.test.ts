import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { DeltaDiscoveryRequestSchema } from '../xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { readAnswer } from './delta-answer.ts';

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('type.googleapis.com/envoy.config.cluster.v3.Cluster', '12', 'x'.repeat(200)),
);

test('what is read is what a decoder reads, and an answer is read', () => {
  fc.assert(
    fc.property(text, text, fc.array(fc.string(), { maxLength: 1 }), (typeUrl, responseNonce, resourceNamesSubscribe) => {
      const bytes = Buffer.from(
        toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce, resourceNamesSubscribe })),
      );
      const read = readAnswer(bytes);
      const isShort = [typeUrl, responseNonce].every((each) => each !== '' && Buffer.byteLength(each) < 128);
      assert.equal(read !== undefined, isShort && resourceNamesSubscribe.length === 0);
      if (read !== undefined) assert.deepEqual(read, fromBinary(DeltaDiscoveryRequestSchema, bytes));
    }),
  );
});

test('bytes that are no answer are left to the decoder', () => {
  for (const bytes of [
    [],
    [0x12],
    [0x12, 1],
    [0x12, 1, 97],
    [0x12, 1, 97, 0x32],
    [0x12, 1, 97, 0x32, 2, 49],
    [0x12, 0x81, 1, 97, 0x32, 1, 49],
  ])
    assert.equal(readAnswer(Buffer.from(bytes)), undefined);
});
