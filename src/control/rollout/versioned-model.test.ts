/** Versions over a real compiler: which mesh a proxy gets, and what the history says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { resourceChanges } from '../../compile/changes/resource-changes.ts';
import { defaultRolloutPolicy } from '../../model/rollout.ts';
import { defaultCompiler } from '../default-compiler.ts';
import { beginStep } from './canary.ts';
import { VersionedModel } from './versioned-model.ts';

const route = (timeout: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
spec: { hosts: [web.example.com], http: [{ timeout: ${timeout}, route: [{ destination: { host: web.example.com } }] }] }
`;
const POLICY = `apiVersion: tulle.dev/v1
kind: MeshConfig
metadata: { name: mesh }
spec: { rollout: { steps: [{ revision: canary }, { percent: 50 }], interval: 5s, maxErrorRate: 1 } }
---
`;
const texts = (text: string): ReadonlyMap<string, string> => new Map([['mesh.yaml', text]]);
const canary = { id: 'sidecar~10.0.0.1~a.shop', labels: { 'istio.io/rev': 'canary' } };
const other = { id: 'sidecar~10.0.0.2~b.shop', labels: {} };

interface Fixture {
  readonly model: VersionedModel;
  /** Edits the folder and builds. */
  readonly edit: (text: string) => void;
  /** The timeout of the route that a proxy gets. */
  readonly timeoutOf: (proxy: typeof other) => number | undefined;
  readonly told: () => string;
  readonly pushes: () => number;
}

function fixture(): Fixture {
  let pushes = 0;
  const model = new VersionedModel({
    compiler: defaultCompiler,
    changes: resourceChanges,
    keeper: { keep: () => undefined },
    nowMs: () => 1,
    log: silentLog,
    onChange: (isBuilding) => void (pushes += isBuilding ? 0 : 1),
    onEdit: () => undefined,
  });
  return {
    model,
    edit: (text) => {
      model.setTexts(texts(text));
      model.build([]);
    },
    timeoutOf: (proxy) => model.stateFor(proxy)?.mesh.routes[0]?.http[0]?.timeoutMs,
    told: () =>
      model.timeline.versions.map(({ number, state, reason }) => `${number} ${state}${reason === '' ? '' : ` (${reason})`}`).join(', '),
    pushes: () => pushes,
  };
}

test('without a policy an edit is in force at once', () => {
  const { edit, timeoutOf, told, model } = fixture();
  edit(route('1s'));
  edit(route('2s'));
  assert.equal(timeoutOf(other), 2000);
  assert.equal(told(), '1 superseded, 2 applied');
  assert.deepEqual(
    model.timeline.versions.map(({ changes }) => changes.map(({ change, resource }) => `${change} ${resource}`)),
    [['added VirtualService shop/web'], ['changed VirtualService shop/web']],
  );
});

test('with a policy an edit goes to the proxies of its step, then to all', () => {
  const { edit, timeoutOf, told, model, pushes } = fixture();
  edit(POLICY + route('1s'));
  assert.equal(model.policy?.errorRateMax, 0.01);
  edit(POLICY + route('2s'));
  assert.equal(timeoutOf(canary), 1000, 'nobody has it before the first step');
  const policy = model.candidate?.policy ?? defaultRolloutPolicy;
  model.setCanary(beginStep(policy, 0, [], 0), new Set());
  assert.deepEqual([timeoutOf(canary), timeoutOf(other)], [2000, 1000]);
  assert.deepEqual([model.versionFor(canary), model.versionFor(other)], [2, 1]);
  assert.notEqual(model.stateFor(canary)?.generation, model.stateFor(other)?.generation);
  assert.equal(pushes(), 1);
  model.promote();
  model.build([]);
  assert.equal(timeoutOf(other), 2000);
  assert.equal(told(), '1 superseded, 2 applied');
});

test('a reverted edit is taken back, and not tried again until the folder changes', () => {
  const { edit, timeoutOf, told, model } = fixture();
  edit(POLICY + route('1s'));
  edit(POLICY + route('2s'));
  model.setCanary(beginStep(model.candidate?.policy ?? defaultRolloutPolicy, 0, [], 0), new Set());
  model.revert('failed', 'it broke', '');
  edit(POLICY + route('2s'));
  assert.equal(timeoutOf(canary), 1000);
  assert.equal(told(), '1 applied, 2 failed (it broke)');
  assert.equal(model.timeline.hold?.kind, 'reverted');
  edit(POLICY + route('3s'));
  assert.equal(told(), '1 applied, 2 failed (it broke), 3 canary');
});

test('documents that are wrong are not tried', () => {
  const { edit, told, model } = fixture();
  edit(POLICY + route('1s'));
  edit(POLICY + route('nonsense'));
  assert.match(told(), /^1 applied, 2 failed \(mesh\.yaml:\d+: .*nonsense.*\)$/);
  assert.equal(model.candidate, undefined);
  assert.throws(() => model.apply(texts(route('never')), { by: '', message: '' }, undefined), /mesh\.yaml:\d+: .*never/);
  assert.throws(() => model.apply(texts(POLICY + route('1s')), { by: '', message: '' }, undefined), /in force already/);
});

test('a rollback is in force for all at once, and released by hand', () => {
  const { edit, timeoutOf, told, model, pushes } = fixture();
  edit(route('1s'));
  edit(route('2s'));
  model.rollback(texts(route('1s')), { by: 'ann', message: 'slow' });
  assert.equal(pushes(), 1);
  model.build([]);
  assert.equal(timeoutOf(other), 1000);
  edit(route('2s'));
  assert.equal(timeoutOf(other), 1000);
  model.release({ by: 'bob', message: '' });
  model.build([]);
  assert.equal(timeoutOf(other), 2000);
  assert.equal(told(), '1 superseded, 2 rolled back (slow), 3 superseded, 4 applied');
  assert.throws(() => model.release({ by: 'bob', message: '' }), /nothing is held back/);
});
