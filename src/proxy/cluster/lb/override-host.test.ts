import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeInfo } from '../../telemetry/testing/fake-stream.ts';
import { createStats } from '../../telemetry/registry.ts';
import { buildPicker } from '../balancer.ts';
import { fakeHost, seededRandom } from '../testing/fake-hosts.ts';
import { fakeClock, PLAIN_PICK } from '../testing/fake-picks.ts';
import { overrideHost, type OverrideRule } from './override-host.ts';

const hosts = [0, 1, 2].map((i) => fakeHost(`10.0.0.${i}:80`));
const SOURCES: OverrideRule['sources'] = [{ kind: 'metadata', namespace: 'ext', path: ['to', 'host'] }];

function pickerOf(rule: OverrideRule) {
  const build = overrideHost(rule, (all) => () => all[2]);
  const scope = { random: seededRandom(1), clock: fakeClock(), stats: createStats() };
  return buildPicker(hosts, 1.4, { build, panicThreshold: 50 }, scope);
}

test('hosts of metadata are taken one after the other, then the policy chooses', () => {
  const pick = pickerOf({ sources: SOURCES, selected: undefined });
  const info = fakeInfo();
  info.metadata.set('ext', { to: { host: '10.0.0.1:80, 9.9.9.9:9,10.0.0.0:80' } });
  const keys = [1, 2, 3, 4].map(() => pick({ ...PLAIN_PICK, info }, 0)?.key);
  assert.deepEqual(keys, ['10.0.0.1:80', '10.0.0.0:80', '10.0.0.2:80', '10.0.0.2:80']);
  assert.equal(pick(PLAIN_PICK, 0)?.key, '10.0.0.2:80');
});

test('the chosen host is told in metadata, beside what is there', () => {
  const pick = pickerOf({ sources: SOURCES, selected: { namespace: 'ext', path: ['served', 'by'] } });
  const info = fakeInfo();
  info.metadata.set('ext', { to: { host: '10.0.0.0:80' }, served: { at: 1 } });
  pick({ ...PLAIN_PICK, info }, 0);
  assert.deepEqual(info.metadata.get('ext'), { to: { host: '10.0.0.0:80' }, served: { at: 1, by: '10.0.0.0:80' } });
});
