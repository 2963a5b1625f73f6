/** How connections of clients end when nothing is wrong: by age, by number of requests, by silence. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Listener } from './framework/bootstrap.ts';
import type { Case } from './framework/case.ts';
import { bytes, of } from './framework/h1-case.ts';
import { head, on2 } from './framework/h2-case.ts';
import { compareTopic } from './framework/topic.ts';

const common = (options: JsonObject): Listener => ({ manager: { drain_timeout: '0.1s', common_http_protocol_options: options } });

const LISTENERS: Readonly<Record<string, Listener>> = {
  counted: common({ max_requests_per_connection: 2 }),
  once: common({ max_requests_per_connection: 1 }),
  aged: common({ max_connection_duration: '1.2s' }),
  idle: common({ idle_timeout: '1s' }),
  watched: { manager: { http2_protocol_options: { connection_keepalive: { interval: '0.1s', timeout: '20s' } } } },
};

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const two = [bytes('/x'), bytes('/x')];

/** Requests one after the other, each `pauseMs` after the answer to the one before, then whatever the proxy does. */
function inTurn(name: string, listener: string, count: number, pauseMs: number, isWatched: boolean): Case {
  return on2(
    name,
    async (client) => {
      for (let i = 0; i < count; i++) {
        await client.request(head(name, '/x')).ended();
        await wait(pauseMs);
      }
      if (isWatched) await client.closed();
    },
    { listener },
  );
}

const CASES: Case[] = [
  of('1 two of two requests', two, { answers: 2, listener: 'counted' }),
  of('1 one of two requests', two.slice(1), { listener: 'counted' }),
  of('1 pipelined beyond its number', [two.join('') + bytes('/x')], { answers: 2, listener: 'counted' }),
  of('1 the only request', two.slice(1), { listener: 'once' }),
  of('1 a slow answer that is too old', [bytes('/x', { wish: 'delay=1600' })], { listener: 'aged' }),
  of('1 an old connection', two.slice(1), { listener: 'aged', endsAfter: true }),
  of('1 a silent connection', two.slice(1), { listener: 'idle', endsAfter: true }),
  of('1 a slow answer is not silence', [bytes('/x', { wish: 'delay=1400' })], { listener: 'idle' }),
  inTurn('2 two of two requests', 'counted', 2, 0, true),
  inTurn('2 one of two requests', 'counted', 1, 0, false),
  inTurn('2 the only request', 'once', 1, 0, true),
  inTurn('2 an old connection', 'aged', 1, 0, true),
  inTurn('2 a silent connection', 'idle', 1, 0, true),
  inTurn('2 requests break the silence', 'idle', 4, 350, false),
  on2(
    '2 a slow answer on an old connection',
    async (client) => {
      await client.request(head('2 a slow answer on an old connection', '/x', { wish: 'delay=1600' })).ended();
      await client.closed();
    },
    { listener: 'aged' },
  ),
  on2(
    '2 a slow answer is not silence',
    async (client) => {
      await client.request(head('2 a slow answer is not silence', '/x', { wish: 'delay=1400' })).ended();
    },
    { listener: 'idle' },
  ),
  on2(
    '2 a client that answers PING',
    async (client) => {
      await client.request(head('2 a client that answers PING', '/x', { wish: 'delay=500' })).ended();
    },
    { listener: 'watched' },
  ),
];

compareTopic({ name: 'how connections end', setup: () => ({ listeners: { main: {}, ...LISTENERS } }), cases: CASES });
