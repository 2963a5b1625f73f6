import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { DeltaDiscoveryRequestSchema } from './gen/envoy/service/discovery/v3/discovery_pb.ts';
import { LookedUpResources } from './looked-up.ts';
import { createDeltaSession } from './server.ts';
import type { Snapshot } from './server-core.ts';
import { CLUSTER_TYPE, VIRTUAL_HOST_TYPE } from './types.ts';

/** A snapshot in which every name that begins so is a resource of this version. */
function snapshotOf(versions: Readonly<Record<string, string>>): Snapshot {
  const find = (name: string) => {
    const prefix = Object.keys(versions).find((each) => name.startsWith(each));
    return prefix === undefined ? undefined : { name, version: versions[prefix] ?? '', bytes: new Uint8Array([1]) };
  };
  return new Map([[VIRTUAL_HOST_TYPE, new LookedUpResources(find)]]);
}

function setUp(snapshot: Snapshot) {
  const session = createDeltaSession(snapshot, '1');
  const say = (init: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): ReturnType<typeof session.receive> =>
    session.receive(create(DeltaDiscoveryRequestSchema, { typeUrl: VIRTUAL_HOST_TYPE, ...init }));
  /** What is sent now, with the nonce to answer by; all of it is accepted unless `refusal` says why not. */
  const take = (refusal = ''): string[] =>
    session.drain().map(({ typeUrl, nonce, resources, removedResources }) => {
      say({ typeUrl, responseNonce: nonce, ...(refusal !== '' && { errorDetail: { message: refusal } }) });
      return [...resources.map(({ name, version }) => `${name}=${version}`), ...removedResources.map((name) => `-${name}`)].join(' ');
    });
  return { session, say, take };
}

test('what is asked for is found, and what there is not is said not to be', () => {
  const { session, say, take } = setUp(snapshotOf({ a: '1', b: '1' }));
  say({ resourceNamesSubscribe: ['a1', 'a2', 'x'] });
  assert.deepEqual(take(), ['a1=1 a2=1 -x']);
  assert.deepEqual(session.asked(VIRTUAL_HOST_TYPE), ['a1', 'a2', 'x']);
  assert.equal(session.isSettled, true);
});

test('of another set those are told who asked for what became different', () => {
  const { session, say, take } = setUp(snapshotOf({ a: '1', b: '1' }));
  say({ resourceNamesSubscribe: ['a1', 'b1', 'x'] });
  take();
  session.update(snapshotOf({ a: '1', b: '2', c: '1' }), '2');
  assert.deepEqual(take(), ['b1=2']);
  session.update(snapshotOf({ a: '1', x: '1' }), '3');
  assert.deepEqual(take(), ['x=1 -b1']);
  say({ resourceNamesUnsubscribe: ['a1'] });
  session.update(snapshotOf({ a: '9', x: '1' }), '4');
  assert.deepEqual(take(), []);
});

test('who comes back is told what became different meanwhile', () => {
  const { say, take } = setUp(snapshotOf({ a: '2', b: '1' }));
  say({ resourceNamesSubscribe: ['a1', 'b1', 'x'], initialResourceVersions: { a1: '1', b1: '1', x: '1' } });
  const heard = take();
  assert.deepEqual(heard, ['a1=2 -x']);
});

test('a rejection stands until what it names is accepted or gone', () => {
  const cluster = (name: string, version: string): [string, { name: string; version: string; bytes: Uint8Array }] => [
    name,
    { name, version, bytes: new Uint8Array([1]) },
  ];
  const clusters = (...all: ReturnType<typeof cluster>[]): Snapshot => new Map([[CLUSTER_TYPE, new Map(all)]]);
  const { session, say, take } = setUp(clusters(cluster('good', '1'), cluster('bad', '1')));
  const rejected = (): readonly string[] => session.status().find(({ typeUrl }) => typeUrl === CLUSTER_TYPE)?.rejection?.resources ?? [];
  say({ typeUrl: CLUSTER_TYPE });
  take('bad: no');
  assert.deepEqual(rejected(), ['bad']);
  session.update(clusters(cluster('good', '2'), cluster('bad', '1')), '2');
  assert.deepEqual([take(), rejected()], [['good=2'], ['bad']], 'another is accepted');
  session.update(clusters(cluster('good', '2'), cluster('bad', '2')), '3');
  take('it cannot be');
  assert.deepEqual(rejected(), ['bad']);
  session.update(clusters(cluster('good', '2'), cluster('bad', '3')), '4');
  assert.deepEqual([take(), rejected()], [['bad=3'], []]);
  session.update(clusters(cluster('good', '3'), cluster('bad', '4')), '5');
  take('no word of which');
  assert.deepEqual(rejected(), ['good', 'bad']);
  session.update(clusters(cluster('good', '4')), '6');
  take();
  assert.deepEqual(take(), ['-bad'], 'clusters go last');
  assert.deepEqual(rejected(), []);
});

test('a name is found once, whether it is there or not, and any number of names are answered', () => {
  let finds = 0;
  const set = new LookedUpResources((name) => {
    finds += 1;
    return name.startsWith('80/') ? { name, version: name, bytes: new Uint8Array() } : undefined;
  });
  assert.equal(set.get('80/a'), set.get('80/a'));
  assert.deepEqual([set.has('81/a'), set.get('81/a')], [false, undefined]);
  assert.equal(finds, 2);
  for (let i = 0; i < 5000; i++) assert.equal(set.get(`80/${i}`)?.version, `80/${i}`);
  assert.equal(set.get('80/a')?.version, '80/a');
});
