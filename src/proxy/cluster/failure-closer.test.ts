import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../net/connection.ts';
import { idleConnection } from '../telemetry/testing/fake-stream.ts';
import type { Transport, TransportHandlers } from './cluster.ts';
import { FailureCloser } from './failure-closer.ts';
import { fakeHost } from './testing/fake-hosts.ts';

/** Why each was destroyed. */
const reasons = new Map<Connection, string>();

function connection(): Connection {
  const made = idleConnection({
    destroy(reason) {
      Object.assign(made, { isClosed: true });
      reasons.set(made, `${reasons.get(made) ?? ''}${reason ?? ''};`);
      made.afterClose?.();
    },
  });
  return made;
}

const HANDLERS: TransportHandlers = { onConnect() {}, onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

test('connections of bytes end with their host, and no others', () => {
  const made: Connection[] = [];
  const inner: Transport = {
    isTls: false,
    connect(_host, _options, handlers) {
      const each = connection();
      made.push(each);
      handlers.onConnect(each);
    },
  };
  const closer = new FailureCloser();
  const transport = closer.watching(inner);
  const [a, b] = [fakeHost('10.0.0.1:80'), fakeHost('10.0.0.2:80')];
  transport.connect(a, { timeoutMs: 0 }, HANDLERS);
  transport.connect(b, { timeoutMs: 0 }, HANDLERS);
  transport.connect(a, { timeoutMs: 0, alpnFallback: ['http/1.1'] }, HANDLERS);
  for (let i = 0; i < 100; i++) transport.connect(a, { timeoutMs: 0 }, HANDLERS);
  closer.hostFailed(a);
  assert.deepEqual(
    made.slice(0, 3).map(({ isClosed }) => isClosed),
    [true, false, false],
  );
  assert.ok(made.slice(3).every(({ isClosed }) => isClosed));
});

test('connections that have closed are forgotten, and who has one is told of its end', () => {
  const made = connection();
  let ends = 0;
  const inner: Transport = { isTls: false, connect: (_host, _options, handlers) => handlers.onConnect(made) };
  const closer = new FailureCloser();
  const host = fakeHost('10.0.0.1:80');
  const onConnect = (each: Connection): void => {
    each.afterClose = () => ends++;
  };
  closer.watching(inner).connect(host, { timeoutMs: 0 }, { ...HANDLERS, onConnect });
  made.destroy('peer left');
  closer.hostFailed(host);
  assert.deepEqual([reasons.get(made), ends], ['peer left;', 1]);
});
