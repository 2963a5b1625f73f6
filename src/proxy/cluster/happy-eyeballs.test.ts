import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetAddress } from '../../net/address.ts';
import type { Connection } from '../../net/connection.ts';
import { idleConnection } from '../telemetry/testing/fake-stream.ts';
import type { ConnectOptions, Transport, TransportHandlers } from './cluster.ts';
import { orderAddresses, tryingAll } from './happy-eyeballs.ts';
import { fakeHost } from './testing/fake-hosts.ts';

const A: NetAddress = { host: '10.0.0.1', port: 80 };
const B: NetAddress = { host: '10.0.0.2', port: 80 };
const C: NetAddress = { host: '::1', port: 80 };
const D: NetAddress = { host: '::2', port: 80 };

const orders: readonly [name: string, firstFamily: 4 | 6 | undefined, firstCount: number, want: readonly NetAddress[]][] = [
  ['families in turn, the first address first', undefined, 1, [A, C, B, D]],
  ['IPv6 first', 6, 1, [C, A, D, B]],
  ['two of IPv6 first', 6, 2, [C, D, A, B]],
  ['two of the first family', undefined, 2, [A, B, C, D]],
];
for (const [name, firstFamily, firstCount, want] of orders)
  test(`order of addresses: ${name}`, () => assert.deepEqual(orderAddresses([A, B, C, D], { firstFamily, firstCount }), want));

/** A transport whose attempts the test ends, and what came of the connection. */
function setUp(addresses: readonly NetAddress[], timeoutMs = 1000) {
  const attempts: { to: string; options: ConnectOptions; handlers: TransportHandlers }[] = [];
  const inner: Transport = {
    isTls: false,
    connect: (_host, options, handlers) => void attempts.push({ to: options.address?.host ?? '', options, handlers }),
  };
  const host = fakeHost('10.0.0.1:80');
  host.addresses = addresses;
  const seen: string[] = [];
  const note = (what: string) => (): void => void seen.push(what);
  tryingAll(inner).connect(
    host,
    { timeoutMs },
    {
      onConnect: note('connected'),
      onClose: (error) => void seen.push(`closed ${error}`),
      onData: note('data'),
      onEnd: note('end'),
      onDrain: note('drain'),
    },
  );
  return { attempts, seen, tried: () => attempts.map(({ to }) => to) };
}

function connection(): Connection & { isDestroyed: boolean } {
  const made = { ...idleConnection({ destroy: () => void (made.isDestroyed = true) }), isDestroyed: false };
  return made;
}

test('the next address is tried when the one before takes long, and a late winner is closed', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { attempts, seen, tried } = setUp([A, B]);
  t.mock.timers.tick(299);
  assert.deepEqual(tried(), [A.host]);
  t.mock.timers.tick(1);
  assert.deepEqual(tried(), [A.host, B.host]);
  attempts[1]?.handlers.onConnect(connection());
  const late = connection();
  attempts[0]?.handlers.onConnect(late);
  assert.deepEqual([seen, late.isDestroyed], [['connected'], true]);
});

test('the next address is tried at once when the one before fails; the last failure is told', () => {
  const { attempts, seen, tried } = setUp([A, B]);
  attempts[0]?.handlers.onClose('ECONNREFUSED');
  assert.deepEqual([tried(), seen], [[A.host, B.host], []]);
  attempts[1]?.handlers.onClose('EHOSTUNREACH');
  assert.deepEqual(seen, ['closed EHOSTUNREACH']);
});

test('a failure waits for those that still run, and the time is for all of them', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { attempts, seen } = setUp([A, B]);
  t.mock.timers.tick(300);
  attempts[1]?.handlers.onClose('ECONNREFUSED');
  assert.deepEqual(seen, []);
  attempts[0]?.handlers.onClose('connection timeout');
  assert.deepEqual(seen, ['closed connection timeout']);
});
