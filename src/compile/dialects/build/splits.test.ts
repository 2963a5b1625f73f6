import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { buildMesh, type BuiltMesh } from '../build-mesh.ts';
import { parseDocuments } from '../load.ts';

const service = (name: string, ports = '80', more = ''): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { ports: [${ports
  .split(' ')
  .map((port) => `{ name: http-${port}, port: ${port} }`)
  .join(', ')}] ${more} }
`;

const split = (name: string, root: string, backends: string, more = ''): string => `
apiVersion: split.smi-spec.io/v1alpha4
kind: TrafficSplit
metadata: { name: ${name}, namespace: shop }
spec:
  service: ${root}
  backends: [${backends
    .split(' ')
    .map((backend) => `{ service: ${backend}, weight: 1 }`)
    .join(', ')}]
  ${more}
`;

const group = (name: string, namespace = 'shop'): string => `
apiVersion: specs.smi-spec.io/v1alpha4
kind: HTTPRouteGroup
metadata: { name: ${name}, namespace: ${namespace} }
spec: { matches: [{ name: ${name}, methods: [GET] }] }
`;

const virtualService = (name: string, host: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${host}], http: [{ route: [{ destination: { host: ${host} } }] }] }
`;

function build(texts: readonly string[], previous?: BuiltMesh): BuiltMesh {
  const { resources, diagnostics } = parseDocuments('in.yaml', texts.join('---'));
  assert.deepEqual(diagnostics, []);
  return buildMesh(resources, [], previous?.mesh);
}

const abTest = (...groups: readonly string[]): string =>
  split('ab', 'web', 'web-b', `matches: [${groups.map((name) => `{ kind: HTTPRouteGroup, name: ${name} }`).join(', ')}]`);
const services = [service('web'), service('web-a'), service('web-b')];

const findings: readonly { readonly name: string; readonly texts: readonly string[]; readonly want: readonly RegExp[] }[] = [
  { name: 'nothing, where all is there', texts: [...services, split('s', 'web', 'web-a web-b')], want: [] },
  { name: 'nothing wrong with a root among its backends', texts: [...services, split('s', 'web', 'web web-b')], want: [] },
  {
    name: 'a backend that does not exist',
    texts: [...services, split('s', 'web', 'web-a web-c')],
    want: [/^warning TUL101 TrafficSplit shop\/s spec.backends\[1\]: there is no service "web-c\..*Did you mean "web-a\./],
  },
  {
    name: 'a root that does not exist',
    texts: [...services, split('s', 'wev', 'web-a')],
    want: [/^warning TUL114 TrafficSplit shop\/s spec.service: .*"wev\..*Did you mean "web\./],
  },
  {
    name: 'a backend with none of several ports of the root',
    texts: [service('web', '80 90'), service('web-a', '80 91'), service('web-b', '90'), split('s', 'web', 'web-a web-b')],
    want: [/TUL103 .*spec.backends\[0\]: .*port 80, 91, not 90 .*503/, /TUL103 .*spec.backends\[1\]: .*port 90, not 80 .*that one/],
  },
  {
    name: 'a group that does not exist in the namespace',
    texts: [...services, abTest('firefix'), group('firefox'), group('firefix', 'other')],
    want: [/^warning TUL113 TrafficSplit shop\/ab spec.matches\[0\]: .*"firefix".*Did you mean "firefox"/],
  },
  {
    name: 'a VirtualService that is older',
    texts: [...services, virtualService('v', 'web'), split('s', 'web', 'web-a')],
    want: [/^warning TUL104 TrafficSplit shop\/s spec.service: .*VirtualService shop\/v \(in.yaml:\d+\)/],
  },
  {
    name: 'a VirtualService that is younger',
    texts: [...services, split('s', 'web', 'web-a'), virtualService('v', 'web')],
    want: [/^warning TUL104 VirtualService shop\/v spec.hosts: .*TrafficSplit shop\/s \(in.yaml:\d+\)/],
  },
];

for (const { name, texts, want } of findings) {
  test(`split: finds ${name}`, () => {
    const got = build(texts).diagnostics.map(
      ({ severity, code, resource, field, message }) => `${severity} ${code} ${resource} ${field}: ${message}`,
    );
    assert.equal(got.length, want.length, got.join('\n'));
    for (const [index, pattern] of want.entries()) assert.match(got[index] ?? '', pattern);
  });
}

/** Each HTTP rule as `match names > hosts`. */
function rulesOf({ mesh }: BuiltMesh): readonly string[] {
  return mesh.routes.flatMap(({ http }) =>
    http.map(({ matches, action }) => {
      const hosts = action.kind === 'forward' ? action.destinations.map(({ destination }) => destination.host.split('.')[0]) : [];
      return `${matches.map(({ name }) => name).join()} > ${hosts.join()}`;
    }),
  );
}

test('a split with groups is for what any of them matches, and the root gets the rest', () => {
  assert.deepEqual(rulesOf(build([...services, abTest('one', 'two'), group('one'), group('two')])), ['one,two > web-b', ' > web']);
});

test('a split whose groups do not exist splits nothing', () => {
  assert.deepEqual(rulesOf(build([...services, abTest('one')])), [' > web']);
});

test('a VirtualService and a TrafficSplit of one name keep their identity', () => {
  const texts = [...services, split('same', 'web', 'web-a'), virtualService('same', 'web-b')];
  const first = build(texts);
  assert.equal(first.mesh.routes.length, 2);
  assert.equal(build(texts, first).mesh, first.mesh);
});

test('the rollout example loads without a word', () => {
  const folder = path.resolve(import.meta.dirname, '../../../../examples/rollout');
  const loaded = ['mesh.yaml', 'workloads.yaml'].map((file) => parseDocuments(file, readFileSync(path.join(folder, file), 'utf8')));
  const built = buildMesh(
    loaded.flatMap(({ resources }) => resources),
    [],
  );
  assert.deepEqual([...loaded.flatMap(({ diagnostics }) => diagnostics), ...built.diagnostics], []);
  assert.deepEqual(rulesOf(built), [' > payments-v1,payments-v2']);
});
