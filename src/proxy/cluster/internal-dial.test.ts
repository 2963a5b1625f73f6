import assert from 'node:assert/strict';
import { test } from 'node:test';
import { internalAddress } from '../../net/address.ts';
import type { PairedConnection } from '../../net/connection-pair.ts';
import { connectInternal, type InternalTarget, NOTHING_PASSED } from './internal-dial.ts';

const turn = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 5));

const HANDLERS = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

const read = (connection: PairedConnection): void => connection.read(HANDLERS);

for (const { name, accept, timeoutMs = 0, want } of [
  { name: 'read at once', accept: read, want: ['connected'] },
  {
    name: 'read later',
    accept: (connection: PairedConnection): void => {
      connection.pause();
      connection.read(HANDLERS);
      setTimeout(() => connection.resume(), 1);
    },
    want: ['connected'],
  },
  { name: 'refused', accept: (connection: PairedConnection) => connection.destroy('no host'), want: ['closed: no host'] },
  {
    name: 'read and then closed',
    accept: (connection: PairedConnection): void => {
      read(connection);
      connection.destroy('done');
    },
    want: ['connected', 'closed: '],
  },
  { name: 'never read', accept: (): void => {}, timeoutMs: 1, want: ['closed: connection timeout'] },
  { name: 'not there', accept: undefined, want: ['closed: immediate connect error: Invalid argument|remote address:envoy://inner/x'] },
]) {
  test(`a connection to an internal listener: ${name}`, async () => {
    const log: string[] = [];
    const target: InternalTarget | undefined = accept && { acceptInternal: (connection) => accept(connection) };
    connectInternal((name) => (name === 'inner' ? target : undefined), internalAddress('inner', 'x'), NOTHING_PASSED, timeoutMs, {
      ...HANDLERS,
      onConnect: () => log.push('connected'),
      onClose: (error) => log.push(`closed: ${error ?? ''}`),
    });
    assert.deepEqual(log, [], 'nothing is told before the call returns');
    await turn();
    assert.deepEqual(log, want);
  });
}
