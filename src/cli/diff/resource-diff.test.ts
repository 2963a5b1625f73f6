import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resourceDiffs } from './resource-diff.ts';

const route = (more: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec: { hosts: [reviews], ${more} }
`;
const secret = (key: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata: { name: tls, namespace: shop }\ndata:\n  tls.crt: c2FtZQ==\n  tls.key: ${key}\n`;

const CASES: readonly {
  readonly name: string;
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, string>>;
  readonly want: readonly string[];
}[] = [
  {
    name: 'comments, order of keys, and another file are no difference',
    before: { 'a.yaml': route('http: []') },
    after: { 'b.yaml': `# new\n${route('http: []').replace('hosts: [reviews], http: []', 'http: [], hosts: [reviews]')}` },
    want: [],
  },
  {
    name: 'a resource that changed, one that came and one that went',
    before: { 'a.yaml': `${route('http: [{ timeout: 1s }]')}---\n${secret('YQ==')}` },
    after: { 'a.yaml': `${route('http: [{ timeout: 2s }]')}---\nkind: Namespace\nmetadata: { name: shop }\n` },
    want: ['added Namespace shop', 'removed Secret shop/tls', 'changed VirtualService shop/reviews'],
  },
  {
    name: 'the namespace default need not be written',
    before: { 'a.yaml': 'kind: Service\nmetadata: { name: a }\n' },
    after: { 'a.yaml': 'kind: Service\nmetadata: { name: a }\n---\n' },
    want: [],
  },
  {
    name: 'items of a List',
    before: { 'a.yaml': 'kind: List\nitems: [{ kind: Namespace, metadata: { name: a } }]\n' },
    after: { 'a.yaml': 'kind: Namespace\nmetadata: { name: a }\n' },
    want: [],
  },
  { name: 'a file that is no YAML', before: {}, after: { 'a.yaml': 'a: [' }, want: ['added file a.yaml'] },
];

for (const { name, before, after, want } of CASES) {
  test(`diff: ${name}`, () => {
    const diffs = resourceDiffs(new Map(Object.entries(before)), new Map(Object.entries(after)), ['x', 'y']);
    assert.deepEqual(
      diffs.map(({ change, resource }) => `${change} ${resource}`),
      want,
    );
  });
}

test('a diff has the names of both sides and the lines around', () => {
  const texts = ['1s', '2s'].map((timeout) => new Map([['a.yaml', route(`http: [{ timeout: ${timeout} }]`)]]));
  const [found] = resourceDiffs(texts[0] ?? new Map(), texts[1] ?? new Map(), ['applied', 'mesh']);
  assert.match(
    found?.diff ?? '',
    /^--- applied: VirtualService shop\/reviews\n\+\+\+ mesh: VirtualService shop\/reviews\n@@ [^]*\n-\s+- timeout: 1s\n\+\s+- timeout: 2s\n/,
  );
});

test('what a Secret holds is not shown', () => {
  const texts = ['b25l', 'dHdv'].map((key) => new Map([['a.yaml', secret(key)]]));
  const [found] = resourceDiffs(texts[0] ?? new Map(), texts[1] ?? new Map(), ['x', 'y']);
  assert.match(
    found?.diff ?? '',
    /\n {3}tls\.crt: '\*\*\* \(unchanged\)'\n- {2}tls\.key: '\*\*\* \(before\)'\n\+ {2}tls\.key: '\*\*\* \(after\)'\n/,
  );
  assert.doesNotMatch(found?.diff ?? '', /b25l|dHdv|c2FtZQ/);
});
