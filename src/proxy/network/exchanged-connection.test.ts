import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, ConnectionHandlers } from '../../net/connection.ts';
import { connectionPair } from '../../net/connection-pair.ts';
import { encodeFrame } from '../telemetry/exchange-frame.ts';
import type { PeerMetadata } from '../telemetry/peer-metadata.ts';
import { createStats } from '../telemetry/registry.ts';
import { ExchangedConnection } from './exchanged-connection.ts';
import { exchangeStats } from './exchange-settings.ts';

/** A turn in which everything that is due in microtasks is done, and gathered writes leave. */
const turn = async (): Promise<void> => {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
};

function recorder(log: string[]): ConnectionHandlers {
  return {
    onData: (bytes) => log.push(Buffer.from(bytes).toString('latin1')),
    onEnd: () => log.push('END'),
    onDrain() {},
    onClose: (error) => log.push(`CLOSE ${error ?? ''}`.trimEnd()),
  };
}

const frameOf = (workload: string): Buffer =>
  encodeFrame({ id: workload, cluster: '', metadata: { WORKLOAD_NAME: workload, LABELS: { app: workload } } });

/** One end that exchanges, with what its user and its exchange hear. */
function exchanging(inner: Connection, workload: string) {
  const log: string[] = [];
  const peers: (PeerMetadata | undefined)[] = [];
  const stats = createStats();
  const onPeer = (peer: PeerMetadata | undefined): void => void peers.push(peer);
  const connection = new ExchangedConnection(inner, { own: frameOf(workload), stats: exchangeStats(stats), onPeer });
  connection.read(recorder(log));
  const count = (name: string): number => stats.scope('metadata_exchange').counter(name).value;
  return { connection, log, count, names: () => peers.map((peer) => peer?.workload) };
}

function pair() {
  const { client, server } = connectionPair({ host: '10.0.0.1', port: 1 }, { host: '10.0.0.2', port: 2 });
  return { client, server };
}

for (const first of ['client', 'server'] as const) {
  test(`both ends tell each other who they are, where the ${first} speaks first`, async () => {
    const { client, server } = pair();
    const ends = { client: exchanging(client, 'web'), server: exchanging(server, 'orders') };
    const [near, far] = first === 'client' ? [ends.client, ends.server] : [ends.server, ends.client];
    near.connection.writeText('hello');
    await turn();
    far.connection.writeBytes(Buffer.from('and back'), false);
    near.connection.end();
    await turn();
    far.connection.end();
    await turn();
    assert.deepEqual(far.log, ['hello', 'END', 'CLOSE']);
    assert.deepEqual(near.log, ['and back', 'END', 'CLOSE']);
    assert.deepEqual([ends.client.names(), ends.server.names()], [['orders'], ['web']]);
    assert.deepEqual([near.count('metadata_added'), far.count('metadata_added')], [1, 1]);
  });
}

test('a frame in pieces, and the first bytes with it', async () => {
  const { client, server } = pair();
  const end = exchanging(server, 'orders');
  const bytes = Buffer.concat([frameOf('web'), Buffer.from('first')]);
  client.read(recorder([]));
  for (let at = 0; at < bytes.length; at += 7) client.writeBytes(bytes.subarray(at, at + 7), true);
  client.writeText(' second');
  await turn();
  assert.equal(end.log.join(''), 'first second');
  assert.deepEqual(end.names(), ['web']);
});

test('a peer that exchanges nothing is heard as it is, even where it ends early', async () => {
  for (const said of ['PING and more', 'PI']) {
    const { client, server } = pair();
    const end = exchanging(server, 'orders');
    client.read(recorder([]));
    client.writeText(said);
    client.end();
    await turn();
    assert.deepEqual(end.log, [said, 'END']);
    assert.deepEqual(end.names(), [undefined]);
    assert.equal(end.count('initial_header_not_found'), 1);
  }
});

test('one that closes before tells nothing', async () => {
  const { client, server } = pair();
  const end = exchanging(server, 'orders');
  client.read(recorder([]));
  client.destroy();
  await turn();
  assert.deepEqual(end.names(), [undefined]);
});

test('a message that is far too long ends the connection', async () => {
  const { client, server } = pair();
  const end = exchanging(server, 'orders');
  client.read(recorder([]));
  client.writeBytes(Buffer.from('3d2304677fffffff', 'hex'), false);
  await turn();
  assert.equal(end.connection.isClosed, true);
  assert.deepEqual(end.log, ['CLOSE metadata_exchange_too_long']);
});
