import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UpstreamStream } from '../cluster/http-upstream.ts';
import { TunnelConnection } from './tunnel-connection.ts';

const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

function open(): { readonly connection: TunnelConnection; readonly log: string[]; room: boolean } {
  const log: string[] = [];
  const state = { room: true };
  const stream: UpstreamStream = {
    protocol: 'HTTP/2',
    localAddress: '10.0.0.1:40000',
    tls: undefined,
    sendHead() {},
    sendData(view) {
      log.push(`sent ${Buffer.from(view).toString()}`);
      return state.room;
    },
    sendEnd: () => log.push('sent end'),
    abandon: () => log.push('abandoned'),
    destroy: () => log.push('reset'),
    pause: () => log.push('paused'),
    resume: () => log.push('resumed'),
  };
  const connection = new TunnelConnection(stream, { host: '10.0.0.2', port: 15_008 }, () => log.push('gone'));
  connection.read({
    onData: (bytes) => log.push(`got ${Buffer.from(bytes).toString()}`),
    onEnd: () => log.push('got end'),
    onDrain: () => log.push('drained'),
    onClose: (error) => log.push(`closed ${error ?? 'cleanly'}`),
  });
  connection.afterClose = () => log.push('after');
  return Object.assign(state, { connection, log });
}

interface Step {
  readonly name: string;
  readonly act: (tunnel: ReturnType<typeof open>) => void;
  readonly want: readonly string[];
}

const STEPS: Step[] = [
  {
    name: 'bytes both ways, with back-pressure',
    act(tunnel) {
      const { connection } = tunnel;
      assert.equal(connection.writeText('a'), true);
      tunnel.room = false;
      assert.equal(connection.writeBytes(Buffer.from('b'), true), false);
      connection.drained();
      connection.receive(Buffer.from('c'));
      connection.pause();
      connection.resume();
    },
    want: ['sent a', 'sent b', 'drained', 'got c', 'paused', 'resumed'],
  },
  {
    name: 'our end, then the peer’s',
    act({ connection }) {
      connection.end();
      connection.writeText('late');
      connection.receive(Buffer.from('x'));
      connection.peerEnded();
    },
    want: ['sent end', 'got x', 'got end', 'gone', 'closed cleanly', 'after'],
  },
  {
    name: 'the peer’s end, then ours',
    act({ connection }) {
      connection.peerEnded();
      connection.writeText('still');
      connection.end();
    },
    want: ['got end', 'sent still', 'sent end', 'gone', 'closed cleanly', 'after'],
  },
  {
    name: 'destroyed',
    act({ connection }) {
      connection.destroy('why');
      connection.destroy('again');
      connection.receive(Buffer.from('late'));
      connection.end();
    },
    want: ['reset', 'gone', 'closed why', 'after'],
  },
  {
    name: 'broken by the peer',
    act({ connection }) {
      connection.broken('ECONNRESET');
      connection.writeText('late');
      connection.pause();
    },
    want: ['gone', 'closed ECONNRESET', 'after'],
  },
];

for (const { name, act, want } of STEPS) {
  test(`a tunnel's connection: ${name}`, async () => {
    const tunnel = open();
    act(tunnel);
    await turn();
    assert.deepEqual(tunnel.log, want);
    assert.equal(tunnel.connection.isClosed, want.includes('after'));
  });
}
