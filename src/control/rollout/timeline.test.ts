import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultRolloutPolicy } from '../../model/rollout.ts';
import type { Cause } from '../history/version.ts';
import { begin, type Draft, emptyTimeline, folderSeen, promote, revert, rollbackTarget, type Timeline, versionOf } from './timeline.ts';

const files = (text: string): ReadonlyMap<string, string> => new Map([['mesh.yaml', text]]);
const draft = (text: string, cause: Cause, message = ''): Draft => ({
  createdAtMs: 1,
  cause,
  by: 'ann',
  message,
  changes: [],
  files: files(text),
});

type Step =
  | { readonly folder: string; readonly canary?: true }
  | { readonly rollback: number }
  | { readonly apply: string; readonly canary?: true }
  | 'promote'
  | 'fail'
  | 'abort';

function take(timeline: Timeline, step: Step): Timeline {
  if (step === 'promote') return promote(timeline, 2);
  if (step === 'fail') return revert(timeline, 'failed', 'too many errors', '', 2);
  if (step === 'abort') return revert(timeline, 'withdrawn', 'enough', 'bob', 2);
  if ('rollback' in step) {
    const { files: old = files('') } = versionOf(timeline, step.rollback) ?? {};
    return begin(timeline, { ...draft('', 'rollback', 'it broke'), files: old }, undefined);
  }
  const policy = step.canary === true ? defaultRolloutPolicy : undefined;
  if ('apply' in step) return begin(timeline, draft(step.apply, 'apply'), policy);
  const { timeline: seen, isNew } = folderSeen(timeline, files(step.folder));
  return isNew ? begin(seen, draft(step.folder, 'edit'), policy) : seen;
}

/** `1 superseded a, 2 applied b; in force 2, held: rollback`. */
function told({ versions, stable, hold, candidate }: Timeline): string {
  const rows = versions.map(({ number, state, files: own }) => `${number} ${state} ${own.get('mesh.yaml')}`);
  const tried = candidate === undefined ? '' : `, tries ${candidate.number}`;
  return `${rows.join(', ')}; in force ${stable}${tried}${hold === undefined ? '' : `, held: ${hold.kind}`}`;
}

const CASES: readonly { readonly name: string; readonly steps: readonly Step[]; readonly want: string }[] = [
  {
    name: 'edits follow each other',
    steps: [{ folder: 'a' }, { folder: 'b' }, { folder: 'b' }],
    want: '1 superseded a, 2 applied b; in force 2',
  },
  { name: 'the first version is never a canary', steps: [{ folder: 'a', canary: true }], want: '1 applied a; in force 1' },
  {
    name: 'a rollback holds the folder back',
    steps: [{ folder: 'a' }, { folder: 'b' }, { rollback: 1 }, { folder: 'b' }],
    want: '1 superseded a, 2 rolled back b, 3 applied a; in force 3, held: rollback',
  },
  {
    name: 'another edit ends the hold',
    steps: [{ folder: 'a' }, { folder: 'b' }, { rollback: 1 }, { folder: 'c' }],
    want: '1 superseded a, 2 rolled back b, 3 superseded a, 4 applied c; in force 4',
  },
  {
    name: 'a folder that says what was rolled back to is held no more',
    steps: [{ folder: 'a' }, { folder: 'b' }, { rollback: 1 }, { folder: 'a' }],
    want: '1 superseded a, 2 rolled back b, 3 applied a; in force 3',
  },
  {
    name: 'a canary is tried, then in force',
    steps: [{ folder: 'a' }, { folder: 'b', canary: true }, { folder: 'b', canary: true }, 'promote'],
    want: '1 superseded a, 2 applied b; in force 2',
  },
  {
    name: 'a canary under way',
    steps: [{ folder: 'a' }, { folder: 'b', canary: true }],
    want: '1 applied a, 2 canary b; in force 1, tries 2',
  },
  {
    name: 'a canary that fails holds the folder back',
    steps: [{ folder: 'a' }, { folder: 'b', canary: true }, 'fail', { folder: 'b', canary: true }],
    want: '1 applied a, 2 failed b; in force 1, held: reverted',
  },
  {
    name: 'a canary that somebody ends',
    steps: [{ folder: 'a' }, { folder: 'b', canary: true }, 'abort'],
    want: '1 applied a, 2 withdrawn b; in force 1, held: withdrawn',
  },
  {
    name: 'an edit during a canary begins the next one',
    steps: [{ folder: 'a' }, { folder: 'b', canary: true }, { folder: 'c', canary: true }],
    want: '1 applied a, 2 withdrawn b, 3 canary c; in force 1, tries 3',
  },
  {
    name: 'an edit that takes a canary back',
    steps: [{ folder: 'a' }, { folder: 'b', canary: true }, { folder: 'a' }],
    want: '1 applied a, 2 withdrawn b; in force 1',
  },
  {
    name: 'what is applied from elsewhere holds the folder back',
    steps: [{ folder: 'a' }, { apply: 'b', canary: true }, { folder: 'a' }, 'promote', { folder: 'a' }],
    want: '1 superseded a, 2 applied b; in force 2, held: applied',
  },
  {
    name: 'what fails from elsewhere holds nothing back',
    steps: [{ folder: 'a' }, { apply: 'b', canary: true }, 'fail'],
    want: '1 applied a, 2 failed b; in force 1',
  },
  {
    name: 'an edit goes before what is tried from elsewhere',
    steps: [{ folder: 'a' }, { apply: 'b', canary: true }, { folder: 'c' }],
    want: '1 superseded a, 2 withdrawn b, 3 applied c; in force 3',
  },
];

for (const { name, steps, want } of CASES) {
  test(`timeline: ${name}`, () => {
    let timeline = emptyTimeline;
    for (const step of steps) timeline = take(timeline, step);
    assert.equal(told(timeline), want);
  });
}

test('a rollback without a number goes to the last version that was good', () => {
  const after = (steps: readonly Step[]): number | undefined => {
    let timeline = emptyTimeline;
    for (const step of steps) timeline = take(timeline, step);
    return rollbackTarget(timeline)?.number;
  };
  assert.equal(after([{ folder: 'a' }]), undefined);
  assert.equal(after([{ folder: 'a' }, { folder: 'b' }, { folder: 'c' }]), 2);
  assert.equal(after([{ folder: 'a' }, { folder: 'b' }, { folder: 'c' }, { rollback: 2 }]), 1);
  assert.equal(after([{ folder: 'a' }, { folder: 'b', canary: true }, 'fail', { folder: 'c' }]), 1);
});

test('old versions go, the one in force stays', () => {
  let timeline = take(emptyTimeline, { folder: 'a' });
  for (let i = 0; i < 150; i++) {
    timeline = take(timeline, { folder: `b${i}`, canary: true });
    timeline = take(timeline, 'fail');
  }
  assert.equal(timeline.versions.length, 101);
  assert.equal(timeline.versions[0]?.state, 'applied');
});
