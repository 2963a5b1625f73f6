import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStats } from '../../telemetry/registry.ts';
import { DnsCache, type DnsCacheSettings, type DynamicName } from './dns-cache.ts';
import type { Resolution } from './resolver.ts';
import { splitAuthority } from './split-authority.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A cache whose questions the test answers, at a time that the test turns. */
function setUp(changes: Partial<DnsCacheSettings> = {}) {
  const stats = createStats();
  const open: { name: string; answer(addresses: readonly string[]): Promise<void>; fail(): Promise<void> }[] = [];
  const time = { nowMs: 0 };
  const cache = new DnsCache(
    {
      name: 'c',
      refresh: { family: 'v4', refreshMs: 1000, minRefreshMs: 0, respectsTtl: true, jitterMs: 0, failure: undefined },
      resolver: {
        resolve(name) {
          const { promise, resolve, reject } = Promise.withResolvers<Resolution>();
          open.push({
            name,
            answer: (addresses) => (
              resolve({ addresses, ttlMs: undefined, ...(addresses.length === 0 ? { absence: 'ENOTFOUND' } : {}) }),
              settled()
            ),
            fail: () => (reject(Object.assign(new Error('no'), { code: 'ESERVFAIL' })), settled()),
          });
          return promise;
        },
      },
      hostTtlMs: 5000,
      maxHosts: 2,
      queryTimeoutMs: 1000,
      maxPending: 1,
      forgetsFailures: false,
      wantedAlways: [],
      ...changes,
    },
    { clock: { monotonicMs: () => time.nowMs, wallMs: () => 0 }, random: () => 0, stats: stats.scope('dns_cache.c') },
  );
  const told: string[] = [];
  const note = (what: string) => (name: DynamicName) =>
    void told.push(`${what} ${name.key} ${name.addresses.map((each) => each.host).join(' ')}`.trim());
  cache.listen({ onName: note('has'), onGone: note('gone') });
  const known: string[] = [];
  const load = (host: string) => cache.load(host, 80, (name) => void known.push(`${name.key} ${name.failure}`.trim()));
  return { cache, open, time, told, known, load, stat: (name: string) => stats.scope('dns_cache.c').counter(name).value };
}

test('requests for one name wait for one question', async () => {
  const { open, told, known, load, stat, cache } = setUp();
  assert.equal(typeof load('a.test'), 'function');
  assert.equal(typeof load('A.test'), 'function');
  assert.equal(open.length, 1);
  await open[0]?.answer(['10.0.0.1', '10.0.0.2']);
  assert.deepEqual([known, told], [['a.test:80', 'a.test:80'], ['has a.test:80 10.0.0.1 10.0.0.2']]);
  const again = load('a.test');
  assert.ok(typeof again === 'object');
  assert.deepEqual(again.addresses, [
    { host: '10.0.0.1', port: 80 },
    { host: '10.0.0.2', port: 80 },
  ]);
  assert.deepEqual([stat('dns_query_success'), stat('host_added'), stat('host_address_changed')], [1, 1, 1]);
  cache.close();
});

test('who gives up is not told', async () => {
  const { open, known, load, cache } = setUp();
  const cancel = load('a.test');
  assert.ok(typeof cancel === 'function');
  cancel();
  await open[0]?.answer(['10.0.0.1']);
  assert.deepEqual(known, []);
  cache.close();
});

test('names beyond the limit are refused, and requests beyond that of waiting', () => {
  const { load, cache, stat } = setUp();
  load('a.test');
  load('b.test');
  assert.equal(load('c.test'), 'overflow');
  const release = cache.admit();
  assert.equal(cache.admit(), undefined);
  release?.();
  release?.();
  assert.equal(typeof cache.admit(), 'function');
  assert.deepEqual([stat('host_overflow'), stat('dns_rq_pending_overflow')], [1, 1]);
  cache.close();
});

test('a name without an address says why', async () => {
  const { open, known, load, cache } = setUp();
  load('a.test');
  load('b.test');
  await open[0]?.answer([]);
  await open[1]?.fail();
  assert.deepEqual(known, [
    'a.test:80 cares_norecords:Domain_name_not_found',
    'b.test:80 cares_failure:DNS_server_returned_general_failure',
  ]);
  cache.close();
});

test('a question that takes too long has failed', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { known, load, stat, cache } = setUp();
  load('a.test');
  t.mock.timers.tick(1000);
  await settled();
  assert.deepEqual([known, stat('dns_query_timeout'), stat('dns_query_failure')], [['a.test:80 resolve_timeout'], 1, 1]);
  cache.close();
});

test('what was known outlives a failure; what nobody needs is forgotten', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { open, told, time, load, cache } = setUp();
  load('a.test');
  await open[0]?.answer(['10.0.0.1']);
  t.mock.timers.tick(1000);
  await open[1]?.fail();
  const known = cache.find('a.test:80');
  assert.deepEqual(known?.addresses, [{ host: '10.0.0.1', port: 80 }]);
  time.nowMs = 5000;
  t.mock.timers.tick(1000);
  await open[2]?.answer(['10.0.0.3']);
  time.nowMs = 5001;
  t.mock.timers.tick(1000);
  await open[3]?.answer(['10.0.0.3']);
  assert.deepEqual(told, ['has a.test:80 10.0.0.1', 'has a.test:80 10.0.0.3', 'gone a.test:80 10.0.0.3']);
  assert.equal(cache.find('a.test:80'), undefined);
});

const authorities: readonly [authority: string, want: string | undefined][] = [
  ['a.test', 'a.test 80'],
  ['a.test:8080', 'a.test 8080'],
  ['[::1]:8080', '::1 8080'],
  ['[::1]', '::1 80'],
  ['', undefined],
  ['a.test:70000', undefined],
  ['a:b:c', undefined],
];
test('authorities are names or addresses with a port', () => {
  for (const [authority, want] of authorities) {
    const address = splitAuthority(authority, 80);
    assert.equal(address && `${address.host} ${address.port}`, want, authority);
  }
});
