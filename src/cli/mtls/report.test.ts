import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLAINTEXT_REFUSED } from '../../model/flow.ts';
import { endOf, flowOf } from '../../model/testing/flow.ts';
import { type SignalRow, UNKNOWN_WORKLOAD } from '../../model/signals.ts';
import { type MtlsReport, mtlsReport, type WorkloadMode } from './report.ts';

const row = (source: string, destination: string, mutualTlsRatio: number, more: Partial<SignalRow> = {}): SignalRow => ({
  source,
  destination,
  service: `${destination.split('/')[1]}.svc`,
  protocol: 'http',
  requestsPerSecond: 10,
  failureRatio: 0,
  deniedRatio: 0,
  mutualTlsRatio,
  connectionsPerSecond: 0,
  bytesSentPerSecond: 0,
  bytesReceivedPerSecond: 0,
  ...more,
});

const workload = (name: string, mode: WorkloadMode['mode'], hasProxy = true): WorkloadMode => {
  const [namespace = '', own = ''] = name.split('/');
  return { namespace, workload: own, hasProxy, mode };
};

const verdicts = ({ namespaces }: MtlsReport): Record<string, string> =>
  Object.fromEntries(namespaces.map(({ namespace, verdict }) => [namespace, verdict]));

test('a namespace where all is encrypted could be STRICT', () => {
  const report = mtlsReport([row('a/web', 'a/cart', 1)], [workload('a/web', 'PERMISSIVE'), workload('a/cart', 'PERMISSIVE')], []);
  assert.deepEqual(report.plaintext, []);
  assert.deepEqual(verdicts(report), { a: 'STRICT would refuse nobody seen' });
  assert.equal(report.namespaces[0]?.mutualTlsRatio, 1);
});

test('callers without a proxy would be refused, and are named by their addresses', () => {
  const flows = [
    flowOf({
      reporter: 'destination',
      source: endOf('', { namespace: '', address: '10.0.0.7:4444', principal: '' }),
      destination: endOf('cart', { namespace: 'a' }),
      isMutualTls: false,
    }),
  ];
  const rows = [row(UNKNOWN_WORKLOAD, 'a/cart', 0), row('a/web', 'a/cart', 1)];
  const report = mtlsReport(rows, [workload('a/cart', 'PERMISSIVE')], flows);
  assert.deepEqual(report.plaintext[0]?.callers, ['10.0.0.7']);
  assert.deepEqual(verdicts(report), { a: 'STRICT would refuse unknown callers (10.0.0.7)' });
  assert.equal(report.namespaces[0]?.mutualTlsRatio, 0.5);
  // one that the control plane knows by its address is called by its name; those with a proxy have rows of their own
  const named = ['old', 'web'].map((name) =>
    flows.map((flow) => ({ ...flow, source: { ...flow.source, namespace: 'a', workload: name } })),
  );
  const workloads = [workload('a/cart', 'PERMISSIVE'), workload('a/web', 'PERMISSIVE'), workload('a/old', 'PERMISSIVE', false)];
  const ofWorkloads = mtlsReport(rows, workloads, named.flat());
  assert.deepEqual(verdicts(ofWorkloads), { a: 'STRICT would refuse a/old, which has no proxy' });
});

test('one with a proxy that calls an address is named, for STRICT would refuse it', () => {
  const ends = { source: endOf('web', { namespace: 'a' }), destination: endOf('db', { namespace: 'a' }) };
  const flows = [flowOf({ reporter: 'destination', isMutualTls: false, ...ends })];
  const workloads = [workload('a/db', 'PERMISSIVE'), workload('a/web', 'PERMISSIVE')];
  const report = mtlsReport([row(UNKNOWN_WORKLOAD, 'a/db', 0)], workloads, flows);
  assert.deepEqual(verdicts(report), { a: 'STRICT would refuse a/web, which calls an address, no service' });
});

test('where mTLS is off, proxies would begin it; where a rule turns it off, they would be refused', () => {
  const workloads = [workload('a/web', 'PERMISSIVE'), workload('b/off', 'DISABLE'), workload('c/on', 'PERMISSIVE')];
  const report = mtlsReport([row('a/web', 'b/off', 0), row('a/web', 'c/on', 0.9)], workloads, []);
  assert.deepEqual(verdicts(report), {
    a: 'nothing was called: STRICT cannot be judged',
    b: 'STRICT would refuse nobody seen',
    c: 'STRICT would refuse a/web',
  });
  assert.deepEqual(
    report.plaintext.map(({ destination, underStrict, perSecond }) => [destination, underStrict, Math.round(perSecond)]),
    [
      ['b/off', 'changes to mTLS', 10],
      ['c/on', 'refused', 1],
    ],
  );
});

test('workloads without a proxy are no part of it, and STRICT ones say whom they refuse', () => {
  const report = mtlsReport(
    [row('a/web', 'out/side', 0), row(UNKNOWN_WORKLOAD, 'a/db', 0, { protocol: 'tcp', connectionsPerSecond: 2, requestsPerSecond: 0 })],
    [workload('out/side', 'PERMISSIVE', false), workload('a/db', 'STRICT')],
    [],
  );
  assert.deepEqual(verdicts(report), { a: 'is STRICT, and refuses unknown callers' });
  assert.equal(report.plaintext[0]?.perSecond, 2);
});

test('plaintext that was refused is told of by its flows, and is no caller that gets through', () => {
  const policy = { kind: 'PeerAuthentication', namespace: 'a', name: 'default', file: 'a.yaml', line: 3, field: '' };
  const denied = { reporter: 'destination', verdict: 'denied', details: PLAINTEXT_REFUSED, isMutualTls: false, policy } as const;
  const db = endOf('db', { namespace: 'a' });
  const flows = [
    flowOf({ ...denied, source: endOf('', { namespace: '', address: '10.0.0.7:4444' }), destination: db }),
    flowOf({ ...denied, source: endOf('', { namespace: '', address: '10.0.0.7:4445' }), destination: db }),
    flowOf({ ...denied, source: endOf('old', { namespace: 'a' }), destination: db }),
  ];
  const report = mtlsReport([row('a/web', 'a/db', 1)], [workload('a/db', 'STRICT')], flows);
  assert.deepEqual(verdicts(report), { a: 'is STRICT, and refuses 10.0.0.7; a/old' });
  assert.deepEqual(report.refusals, [
    { caller: '10.0.0.7', destination: 'a/db', connections: 2, policy },
    { caller: 'a/old', destination: 'a/db', connections: 1, policy },
  ]);
  const mixed = mtlsReport([row(UNKNOWN_WORKLOAD, 'a/db', 0)], [workload('a/db', 'STRICT'), workload('a/web', 'PERMISSIVE')], flows);
  assert.deepEqual(mixed.plaintext[0]?.callers, []);
  assert.deepEqual(verdicts(mixed), { a: 'STRICT would refuse unknown callers; already refuses 10.0.0.7; a/old' });
});
