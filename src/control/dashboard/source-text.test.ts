import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sourceText } from './source-text.ts';

const FILE = `# first
kind: VirtualService
metadata: { name: a }
---
kind: Secret
data: { key: c2VjcmV0 }
---
kind: Workload
spec:
  env:
    PASSWORD: hunter2
    GREETING: |
      several
      lines
  env2: kept
  command: [run]
--- # the last
kind: AuthorizationPolicy
spec:
  apiKey: abc
  inline: { token: "x y", path: /p }
  privateKey: |
    BEGIN
    END
  rules: []
`;
const files = new Map([['a.yaml', FILE]]);

test('the document that a line is in is shown, with the number of its first line', () => {
  assert.deepEqual(sourceText(files, 'a.yaml', 3), {
    file: 'a.yaml',
    firstLine: 1,
    kind: 'VirtualService',
    text: '# first\nkind: VirtualService\nmetadata: { name: a }',
  });
  assert.equal(sourceText(files, 'a.yaml', 18).firstLine, 18);
});

test('secrets are not shown', () => {
  assert.throws(() => sourceText(files, 'a.yaml', 6), { status: 403 });
  const workload = sourceText(files, 'a.yaml', 9).text;
  for (const hidden of ['hunter2', 'several', 'lines']) assert.equal(workload.includes(hidden), false, hidden);
  assert.match(workload, /PASSWORD: \[hidden\]/);
  assert.match(workload, /env2: kept\n {2}command: \[run\]/);
  const policy = sourceText(files, 'a.yaml', 19).text;
  for (const hidden of ['abc', 'x y', 'BEGIN', 'END']) assert.equal(policy.includes(hidden), false, hidden);
  assert.match(policy, /path: \/p \}/);
  assert.match(policy, /rules: \[\]/);
});

test('what is not there is not found', () => {
  for (const [file, line] of [
    ['b.yaml', 1],
    ['../a.yaml', 1],
    ['a.yaml', 0],
    ['a.yaml', 99],
    ['a.yaml', Number.NaN],
  ] as const)
    assert.throws(() => sourceText(files, file, line), { status: 404 }, `${file}:${line}`);
  assert.throws(() => sourceText(new Map([['x', 'a: 1']]), 'x', 1), { status: 403 });
});
