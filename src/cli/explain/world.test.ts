import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOf, meshOf, portOf, sidecarOf } from '../../compile/testing/mesh.ts';
import { memberAt, type Member } from './world.ts';

const mesh = meshOf();

function member(address: string, ports: readonly number[]): Member {
  const { labels, serviceAccount, locality, isReady, isMeshed } = endpointOf(address);
  const known = { id: 'web-0', workload: 'web', namespace: 'shop', labels, serviceAccount, locality, isReady, isMeshed };
  const instance = { ...known, address, ports: ports.map((port) => ({ ...portOf(port, 'http'), listen: port })) };
  return { namespace: 'shop', workload: 'web', proxy: sidecarOf({ addresses: [address] }), instance };
}

const CASES = [
  { name: 'a port of the only one', address: '10.0.0.9', ports: [80], port: 80, isFound: true },
  { name: 'another port of an address of its own', address: '10.0.0.9', ports: [80], port: 81, isFound: true },
  { name: 'its port on loopback', address: '127.0.0.1', ports: [80], port: 80, isFound: true },
  { name: "somebody else's port on loopback", address: '127.0.0.1', ports: [80], port: 81, isFound: false },
] as const;

for (const { name, address, ports, port, isFound } of CASES) {
  test(`who is at ${name}`, () => {
    const only = member(address, ports);
    assert.equal(memberAt({ mesh, members: [only] }, address, port), isFound ? only : undefined);
  });
}
