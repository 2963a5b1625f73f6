import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainArguments } from './explain.ts';

test('a question becomes one argument a value', () => {
  const body = { to: ' http://a:1/ ', from: 'shop/web', method: 'POST', gateway: '', headers: ['x: --output=text', 'y:1'] };
  assert.deepEqual(explainArguments(body), [
    'explain',
    '--to=http://a:1/',
    '--from=shop/web',
    '--method=POST',
    '--header=x: --output=text',
    '--header=y:1',
  ]);
});

test('what is no question is refused', () => {
  const bodies: readonly unknown[] = [
    undefined,
    [],
    {},
    { to: '' },
    { to: 1 },
    { to: 'a\nb' },
    { to: 'a', from: {} },
    { to: 'a', headers: 'x:1' },
    { to: 'a', headers: [1] },
    { to: 'a', headers: ['x:\r\n'] },
    { to: 'x'.repeat(3000) },
    { to: 'a', headers: Array.from({ length: 51 }, () => 'a:b') },
  ];
  for (const body of bodies) assert.throws(() => explainArguments(body), { status: 400 }, JSON.stringify(body)?.slice(0, 80));
});
