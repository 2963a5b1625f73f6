import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasFormat, type FormatName } from './formats.ts';

const cases: readonly { readonly format: FormatName; readonly accepts: readonly string[]; readonly refuses: readonly string[] }[] = [
  {
    format: 'cel',
    accepts: ['', "response.code >= 500 || request.headers['x'] == 'y'", 'has(upstream_peer.labels) ? 1 : "unknown"'],
    refuses: ['response.code >=', 'a b', "'open"],
  },
  { format: 'log-format', accepts: ['', '%REQ(:PATH)% 100%%'], refuses: ['100%', '%REQ(:PATH%'] },
  { format: 'dns-label', accepts: ['a', 'shop-1'], refuses: ['-a', 'A', 'a.b', 'a'.repeat(64)] },
  { format: 'name', accepts: ['a.b-c'], refuses: ['a_b', '.a', 'a'.repeat(254)] },
  {
    format: 'host',
    accepts: ['*', '*.example.com', 'payments', 'a.b.', '10.0.0.1', '::1'],
    refuses: ['a..b', 'a b', '*a.com', 'a.*', 'http://a'],
  },
  { format: 'exact-host', accepts: ['payments.shop'], refuses: ['*.example.com', '*'] },
  { format: 'namespaced-host', accepts: ['a.com', '*/a.com', './*', 'shop/*.a.com'], refuses: ['a/b/c', 'A/a.com', '/a.com'] },
  { format: 'cidr', accepts: ['10.0.0.0/8', '10.0.0.1', '2001:db8::/32'], refuses: ['10.0.0.0/33', 'localhost', ''] },
  { format: 'endpoint-address', accepts: ['10.0.0.1', 'a.com', 'unix:///run/x.sock'], refuses: ['*.a.com', 'unix:x', 'a b'] },
  { format: 'header-name', accepts: ['x-a', 'X_A'], refuses: [':path', 'a b', 'a:b'] },
  { format: 'settable-header', accepts: [':authority', 'x-a'], refuses: [':path', ':method'] },
  { format: 'label-key', accepts: ['app', 'example.com/app'], refuses: ['a/b/c', '-a', 'a b'] },
  { format: 'port-number', accepts: ['1', '65535'], refuses: ['0', '65536', '080', 'http'] },
  { format: 'gateway-reference', accepts: ['mesh', 'a', 'ns/a', './a', 'a.ns.svc.cluster.local'], refuses: ['a/b/c', 'A', ''] },
  { format: 'locality', accepts: ['eu', 'eu/a', 'eu/a/1'], refuses: ['/a', 'eu/a/1/2'] },
  { format: 'timestamp', accepts: ['2026-01-02T03:04:05Z'], refuses: ['2026-01-02', 'now'] },
  {
    format: 'regex',
    accepts: ['.*Mobile.*', '(?i)abc', '(?P<x>a)', String.raw`\Qa.b\E`, '[[:alpha:]]+', String.raw`[(?=]`, String.raw`a\.b\d`, 'x{1,1000}'],
    refuses: ['(?=x)', '(?<!a)b', String.raw`(a)\1`, '(', 'a{2,1}', 'x{1001}', '*a', 'a'.repeat(1_025)],
  },
];

for (const { format, accepts, refuses } of cases) {
  test(`format ${format}`, () => {
    for (const text of accepts) assert.ok(hasFormat(format, text), `accepts ${text}`);
    for (const text of refuses) assert.ok(!hasFormat(format, text), `refuses ${text.slice(0, 40)}`);
  });
}
