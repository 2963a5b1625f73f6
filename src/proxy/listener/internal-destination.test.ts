import assert from 'node:assert/strict';
import { test } from 'node:test';
import { internalDestination } from './internal-destination.ts';

const DST = 'envoy.filters.listener.original_dst';
const state = (values: Record<string, string>): { values: Map<string, string>; transitive: Set<string> } => ({
  values: new Map(Object.entries(values)),
  transitive: new Set(),
});

for (const { name, metadata, values, want } of [
  { name: 'nothing', want: [undefined, undefined] },
  { name: 'metadata', metadata: { local: '10.0.0.1:80', remote: '[::1]:90' }, want: ['10.0.0.1:80', '::1:90'] },
  { name: 'state', values: { [`${DST}.local_ip`]: '10.0.0.1:80' }, want: ['10.0.0.1:80', undefined] },
  {
    name: 'state before metadata',
    metadata: { local: '10.0.0.2:80' },
    values: { [`${DST}.local_ip`]: '10.0.0.1:80' },
    want: ['10.0.0.1:80', undefined],
  },
  { name: 'names, and what is no text', metadata: { local: 'localhost:80', remote: 7 }, want: [undefined, undefined] },
  { name: 'ports too large', metadata: { local: '10.0.0.1:65536', remote: '10.0.0.1' }, want: [undefined, undefined] },
]) {
  test(`where a connection within the process goes, by ${name}`, () => {
    const passed = {
      metadata: metadata === undefined ? undefined : new Map<string, unknown>([[DST, metadata]]),
      state: values === undefined ? undefined : state(values),
    };
    const { local, remote } = internalDestination(passed);
    assert.deepEqual(
      [local, remote].map((each) => each && `${each.host}:${each.port}`),
      want,
    );
  });
}
