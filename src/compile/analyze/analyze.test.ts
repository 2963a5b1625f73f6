/** The whole of it: what is left out, in which order, and that nothing a user may write makes it fail. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { loadRe2 } from '../../core/re2.ts';
import { instanceOf } from '../../model/testing/instance.ts';
import { analyze, reaches } from './analyze.ts';
import { checks } from './index.ts';
import { parseSuppression } from './suppress.ts';
import { analyzeText, join, resource, routes, served, to } from './testing/cases.ts';

before(loadRe2);

const BAD = routes(`{ ${to('nobody')} }`);
const annotated = (annotation: string): string => BAD.replace('name: web,', `name: web, annotations: { ${annotation} },`);
const codesOf = (text: string): readonly string[] => analyzeText(join(served('web'), text)).map(({ code }) => code);

test('annotations and options leave findings out', () => {
  assert.ok(codesOf(BAD).includes('IST0101'));
  const silent = [
    'galley.istio.io/analyze-suppress: IST0101',
    'tulle.dev/analyze-suppress: "TUL9, IST0101"',
    'tulle.dev/analyze-suppress: "*"',
    'tulle.dev/analyze-suppress: "IST01*"',
  ];
  for (const annotation of silent) assert.ok(!codesOf(annotated(annotation)).includes('IST0101'), annotation);
  assert.ok(codesOf(annotated('tulle.dev/analyze-suppress: IST0102')).includes('IST0101'));
  const texts = new Map([['a.yaml', join(served('web'), BAD)]]);
  const cases: readonly (readonly [string, boolean])[] = [
    ['IST0101=VirtualService web.shop', true],
    ['*=VirtualService *.shop', true],
    ['IST0101=VirtualService *', true],
    ['IST0101=VirtualService web.office', false],
    ['IST0101=DestinationRule web.shop', false],
    ['IST0102=VirtualService web.shop', false],
  ];
  for (const [text, isOut] of cases) {
    const left = analyze({ texts, suppressions: [parseSuppression(text)] });
    assert.equal(!left.some(({ code }) => code === 'IST0101'), isOut, text);
  }
  assert.throws(() => parseSuppression('IST0101'), /is not CODE=Kind name\.namespace/);
});

test('an annotation of one document leaves the others of the file alone', () => {
  const found = analyzeText(join(served('web'), annotated('tulle.dev/analyze-suppress: IST0101'), BAD.replace('name: web', 'name: other')));
  assert.deepEqual(
    found.filter(({ code }) => code === 'IST0101').map(({ resource }) => resource),
    ['VirtualService shop/other'],
  );
});

test('findings stand in order of file and line', () => {
  const texts = new Map([
    ['b.yaml', join(BAD, BAD.replace('name: web', 'name: other'))],
    ['a.yaml', BAD.replace('name: web', 'name: third')],
  ]);
  const places = analyze({ texts }).map(({ file, line }) => `${file}:${String(line).padStart(4)}`);
  assert.deepEqual(places, places.toSorted());
});

test('an error reaches every threshold, a note only its own', () => {
  assert.ok(reaches('error', 'error') && reaches('error', 'info') && reaches('info', 'info'));
  assert.ok(!reaches('warning', 'error') && !reaches('info', 'warning'));
});

test('what runs counts where no file declares it', () => {
  const instance = instanceOf('web', { ports: [{ name: 'http', number: 80, listen: 20_080, protocol: 'http' }] });
  const texts = new Map([
    [
      'a.yaml',
      'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: a, namespace: shop }\nspec: { selector: { matchLabels: { app: web } }, rules: [{ from: [{ source: { principals: [cluster.local/ns/shop/sa/web] } }], to: [{ operation: { ports: ["80"] } }] }] }\n',
    ],
  ]);
  assert.deepEqual(analyze({ texts, instances: [instance] }), []);
  assert.ok(analyze({ texts }).length > 0);
});

test('a gateway that runs is one, though no file declares it', () => {
  const instance = instanceOf('edge', { namespace: 'edge', labels: { gw: 'a' }, isGateway: true });
  const texts = new Map([
    [
      'a.yaml',
      join(
        resource(
          'Gateway',
          'web',
          '{ selector: { gw: a }, servers: [{ port: { number: 443, protocol: HTTPS }, hosts: ["*"], tls: { mode: SIMPLE, credentialName: cert } }] }',
        ),
        'apiVersion: v1\nkind: Secret\nmetadata: { name: cert, namespace: edge }\ndata: {}\n',
      ),
    ],
  ]);
  // the Secret is looked for where the gateway runs, not beside the Gateway
  const said = analyze({ texts, instances: [instance] }).map(({ code }) => code);
  assert.ok(said.includes('IST0161') && !said.includes('IST0101'), said.join(', '));
});

const NAMES = ['web', 'api', 'web.shop', '*', '*.example.com', '', 'ns/x', '@', 'spiffe://a', '.*', '/', '(', '80'];
const FIELDS = (
  'spec metadata hosts gateways http tls tcp match route destination ' +
  'host subset port number weight selector matchLabels rules from to ' +
  'when source operation principals paths methods ports jwtRules trafficPolicy portLevelSettings ' +
  'subsets labels mode mtls portLevelMtls servers credentialName template containers workloadSelector ' +
  'configPatches applyTo patch accessLogging uri regex exact prefix headers timeout ' +
  'retries fault '
)
  .trim()
  .split(' ');
const KINDS = [...new Set([...checks.flatMap(({ looksAt }) => looksAt), 'Secret', 'List', 'MeshConfig'])];
const VERSIONS = [
  'v1',
  'apps/v1',
  'tulle.dev/v1',
  'networking.istio.io/v1',
  'networking.istio.io/v1alpha3',
  'security.istio.io/v1',
  'telemetry.istio.io/v1',
];

const { value: anything } = fc.letrec<{ value: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(fc.constantFrom(...NAMES), fc.integer({ min: -1, max: 99_999 }), fc.boolean(), fc.constant(null)),
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...FIELDS), tie('value'), { maxKeys: 5 }),
  ),
}));

const wild = fc
  .record({
    apiVersion: fc.constantFrom(...VERSIONS),
    kind: fc.constantFrom(...KINDS),
    name: fc.constantFrom('web', 'api'),
    spec: anything,
    more: anything,
  })
  .map(({ apiVersion, kind, name, spec, more }) =>
    JSON.stringify({ apiVersion, kind, metadata: { name, namespace: 'shop', annotations: more }, spec }),
  );

/** Resources that are valid, and made of a few names so that they meet. */
const HOSTS = ['web', 'api', 'web.shop.svc.cluster.local', '"*"', '"*.local"', 'out.example.com'];
const pick = (...texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);
const valid = fc.oneof(
  fc
    .tuple(pick('web', 'api'), pick('name: http, port: 80', 'name: tcp, port: 80, targetPort: 81', 'port: 80'))
    .map(([name, port]) => served(name, port)),
  fc
    .tuple(
      pick(...HOSTS),
      pick(...HOSTS),
      pick('', ', subset: v1', ', port: { number: 81 }'),
      pick('', 'match: [{ uri: { regex: "a.*" } }], ', 'timeout: 1s, retries: { attempts: 1, perTryTimeout: 1s }, '),
    )
    .map(([host, target, more, rule]) =>
      routes(`{ ${rule}${to(target.includes('*') ? 'web' : target, more)} }`, `{ ${to('api')} }`).replace('[web]', `[${host}]`),
    ),
  fc
    .tuple(pick(...HOSTS), pick('DISABLE', 'SIMPLE', 'ISTIO_MUTUAL'))
    .map(
      ([host, mode]) =>
        `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: d, namespace: shop }\nspec: { host: ${host}, trafficPolicy: { tls: { mode: ${mode} } }, subsets: [{ name: v1, labels: { version: v1 } }] }`,
    ),
  pick('STRICT', 'DISABLE', 'UNSET').map(
    (mode) =>
      `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: p, namespace: shop }\nspec: { mtls: { mode: ${mode} } }`,
  ),
  pick('{}', '{ rules: [{}] }', '{ action: DENY, rules: [{ to: [{ operation: { ports: ["80"], paths: [a] } }] }] }').map(
    (spec) => `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: a, namespace: shop }\nspec: ${spec}`,
  ),
);

test('no combination of resources makes an analyser throw, and every finding has its place', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(wild, valid), { maxLength: 8 }), (documents) => {
      const text = documents.join('\n---\n');
      const lines = text.split('\n').length;
      for (const finding of analyzeText(text)) {
        assert.ok(finding.line >= 1 && finding.line <= lines, JSON.stringify(finding));
        assert.ok(finding.message !== '' && !/undefined|\[object|NaN/.test(finding.message), JSON.stringify(finding));
      }
    }),
    { numRuns: 150 },
  );
});

test('text that is no YAML is said to be so', () => {
  fc.assert(
    fc.property(fc.string(), (text) => void analyzeText(text)),
    { numRuns: 200 },
  );
  assert.equal(analyzeText('a: [')[0]?.code, 'IST0106');
});
