import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isBareGrpcType, isGrpcType } from './grpc-status.ts';

const CASES: readonly (readonly [type: string | undefined, isGrpc: boolean, isBare: boolean])[] = [
  ['application/grpc', true, true],
  ['application/grpc+proto', true, true],
  ['application/grpc;charset=utf-8', true, false],
  ['application/grpc+proto;a=b', true, true],
  ['application/grpc-web', false, false],
  ['application/grpc ', false, false],
  ['application/json', false, false],
  ['', false, false],
  [undefined, false, false],
];

for (const [type, isGrpc, isBare] of CASES) {
  test(`content-type ${type}: ${isGrpc ? '' : 'not '}gRPC's, ${isBare ? '' : 'not '}by Envoy's test`, () => {
    assert.equal(isGrpcType(type), isGrpc);
    assert.equal(isBareGrpcType(type), isBare);
  });
}
