import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { silentLog } from '../../core/log.ts';
import { ListenerSchema } from '../../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import type { AcceptedSocket, RuntimeListener } from './listener-scope.ts';
import { isHandedTo, SleepingListener } from './sleeping-listener.ts';

const ADDRESS = { host: '10.0.0.1', port: 80 };

function setUp(failure?: Error) {
  const log: string[] = [];
  let onReady: (() => void) | undefined;
  const note = (what: string) => (): void => void log.push(what);
  const inner: RuntimeListener = {
    name: 'inner',
    isInternal: false,
    addresses: [ADDRESS],
    boundAddresses: [],
    activeConnections: 2,
    isWarm: true,
    onWarm: (callback) => callback(),
    start: () => Promise.resolve(),
    accept: ({ remote }) => log.push(`accepts ${remote.port}`),
    acceptInternal: note('internal'),
    askToLeave: note('asked to leave'),
    drain: note('drains'),
    endDrained: note('ends drained'),
    close: () => Promise.resolve(note('closed')()),
  };
  const source = { message: create(ListenerSchema) };
  const listener = new SleepingListener('sleeper', [ADDRESS], source, {
    log: silentLog,
    whenReady: (callback) => callback(),
    build() {
      log.push('built');
      if (failure !== undefined) throw failure;
      return { listener: inner, whenReady: (callback) => (onReady = callback), release: note('released') };
    },
  });
  const accept = (port: number): void => {
    const incoming = { destroy: () => log.push(`destroys ${port}`) };
    // oxlint-disable-next-line no-unsafe-type-assertion -- nothing else of it is looked at
    listener.accept({ remote: { host: '127.0.0.1', port }, incoming } as unknown as AcceptedSocket);
  };
  return { listener, accept, ready: () => onReady?.(), take: () => log.splice(0) };
}

test('a listener sleeps that only gets what others accept', () => {
  assert.equal(isHandedTo(create(ListenerSchema, { bindToPort: false })), true);
  assert.equal(isHandedTo(create(ListenerSchema, { bindToPort: true })), false);
  assert.equal(isHandedTo(create(ListenerSchema, {})), false);
  const internal = create(ListenerSchema, { bindToPort: false, listenerSpecifier: { case: 'internalListener', value: {} } });
  assert.equal(isHandedTo(internal), false);
});

test('it is built by its first connection, which waits until it is ready', () => {
  const { listener, accept, ready, take } = setUp();
  assert.equal(listener.activeConnections, 0);
  accept(1);
  accept(2);
  assert.deepEqual(take(), ['built']);
  assert.equal(listener.activeConnections, 4);
  ready();
  accept(3);
  assert.deepEqual(take(), ['accepts 1', 'accepts 2', 'accepts 3']);
});

test('what does not come is not waited for for ever', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { accept, ready, take } = setUp();
  accept(1);
  t.mock.timers.tick(5000);
  ready();
  assert.deepEqual(take(), ['built', 'accepts 1']);
});

test('one that was told to leave does so when it is built, and one that is closed is never built', async () => {
  const draining = setUp();
  draining.listener.askToLeave();
  draining.listener.drain();
  draining.accept(1);
  assert.deepEqual(draining.take(), ['built', 'asked to leave', 'drains']);
  await draining.listener.close();
  draining.ready();
  draining.listener.release();
  assert.deepEqual(draining.take(), ['destroys 1', 'closed', 'released']);
  const asleep = setUp();
  await asleep.listener.close();
  asleep.listener.release();
  asleep.accept(1);
  assert.deepEqual(asleep.take(), ['destroys 1']);
});

test('connections of one that cannot be built end', () => {
  const { accept, take } = setUp(new Error('no'));
  accept(1);
  assert.deepEqual(take(), ['built', 'destroys 1']);
});
