import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FailureAccrual } from '../../../model/failure-accrual.ts';
import { buildMesh } from '../build-mesh.ts';
import { parseDocuments } from '../load.ts';

/** What a Service with these annotations comes to, and what is said of it. */
function read(annotations: Readonly<Record<string, string>>): { accrual: FailureAccrual | undefined; messages: string[] } {
  const text = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop', annotations },
    spec: { ports: [{ name: 'http', port: 80 }] },
  });
  const parsed = parseDocuments('web.yaml', text);
  const { mesh, diagnostics } = buildMesh(parsed.resources, []);
  const messages = [...parsed.diagnostics, ...diagnostics].map(({ severity, message }) => `${severity}: ${message}`);
  return { accrual: mesh.services.find(({ name }) => name === 'web')?.failureAccrual, messages };
}

const MODE = 'balancer.linkerd.io/failure-accrual';

test('Linkerd’s defaults', () => {
  assert.equal(read({}).accrual, undefined);
  const defaults = { maxFailures: 7, minPenaltyMs: 1000, maxPenaltyMs: 60_000, jitterRatio: 0.5 };
  assert.deepEqual(read({ [MODE]: 'consecutive' }), { accrual: { ...defaults, successRate: undefined }, messages: [] });
  assert.deepEqual(read({ [MODE]: 'unified' }).accrual, {
    ...defaults,
    successRate: { threshold: 0.8, windowMs: 10_000, minRequests: 5 },
  });
});

test('every setting', () => {
  const rate = 'balancer.alpha.linkerd.io/failure-accrual-success-rate-';
  const { accrual, messages } = read({
    [MODE]: 'unified',
    [`${MODE}-consecutive-max-failures`]: '3',
    [`${MODE}-consecutive-min-penalty`]: '250ms',
    [`${MODE}-consecutive-max-penalty`]: '2m',
    [`${MODE}-consecutive-jitter-ratio`]: '0',
    [`${rate}threshold`]: '0.95',
    [`${rate}window`]: '30s',
    [`${rate}min-requests`]: '20',
  });
  assert.deepEqual(messages, []);
  assert.deepEqual(accrual, {
    maxFailures: 3,
    minPenaltyMs: 250,
    maxPenaltyMs: 120_000,
    jitterRatio: 0,
    successRate: { threshold: 0.95, windowMs: 30_000, minRequests: 20 },
  });
});

const WRONG: readonly (readonly [annotations: Readonly<Record<string, string>>, message: RegExp])[] = [
  [{ [MODE]: 'sometimes' }, /^error: .*has "sometimes", wants "consecutive" or "unified"/],
  [{ [MODE]: 'consecutive', [`${MODE}-consecutive-max-failures`]: '0' }, /^error: .*max-failures has "0", wants a whole number/],
  [{ [MODE]: 'consecutive', [`${MODE}-consecutive-min-penalty`]: 'soon' }, /^error: .*min-penalty has "soon", wants a duration/],
  [{ [MODE]: 'consecutive', [`${MODE}-consecutive-max-penalty`]: '10ms' }, /^error: .*max-penalty is below the shortest/],
  [{ [MODE]: 'consecutive', [`${MODE}-consecutive-jitter-ratio`]: '-1' }, /^error: .*jitter-ratio has "-1", wants a number/],
  [{ 'balancer.alpha.linkerd.io/penalize-failures': 'true' }, /^warning: .*penalize-failures is not read/],
];

for (const [annotations, message] of WRONG) {
  test(JSON.stringify(annotations), () => {
    const { messages } = read(annotations);
    assert.equal(messages.length, 1, messages.join('\n'));
    assert.match(messages[0] ?? '', message);
  });
}
