/** Mistakes in files, as a running control plane tells them: each with its file, line and field, and nothing else breaks. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ask } from '../../src/cli/demo/client.ts';
import { type ControlPlane, startControlPlane } from '../../src/control/main.ts';
import { silentLog } from '../../src/core/log.ts';

const WEB = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { ports: [{ name: http, port: 80 }] }
`;

/** A VirtualService whose rule is `rule`, on line 6. */
const route = (name: string, rule: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.example.com]
  http: [${rule}]
`;

interface Case {
  readonly name: string;
  readonly text: string;
  readonly severity?: 'error' | 'warning';
  readonly line: number;
  readonly field?: string;
  readonly says: RegExp;
}

const CASES: readonly Case[] = [
  { name: 'malformed YAML', text: 'apiVersion: v1\nkind: [Service\n', line: 3, says: /not YAML/ },
  { name: 'a tab as indentation', text: 'apiVersion: v1\nmetadata:\n\tname: x\n', line: 3, says: /not YAML/ },
  {
    name: 'an unknown kind',
    text: 'apiVersion: networking.istio.io/v1\nkind: VirtualServce\nmetadata: { name: x }\n',
    line: 2,
    field: 'kind',
    says: /"VirtualServce".*"?VirtualService"?/,
  },
  {
    name: 'a kind without a version',
    text: 'kind: VirtualService\nmetadata: { name: x }\n',
    line: 1,
    field: 'apiVersion',
    says: /missing/,
  },
  {
    name: 'a version that the kind does not have',
    text: 'apiVersion: networking.istio.io/v2\nkind: Gateway\nmetadata: { name: x }\n',
    line: 1,
    field: 'apiVersion',
    says: /networking\.istio\.io\/v1/,
  },
  { name: 'an unknown field', text: route('field', '{ rout: [] }'), line: 6, field: 'spec.http[0].rout', says: /"route"/ },
  {
    name: 'a missing field',
    text: route('missing', '{ route: [{ weight: 1 }] }'),
    line: 6,
    field: 'spec.http[0].route[0].destination',
    says: /missing|required/,
  },
  { name: 'a value of the wrong type', text: route('type', '{ timeout: [1s] }'), line: 6, field: 'spec.http[0].timeout', says: /list/ },
  {
    name: 'a value that is none of those allowed',
    text: 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: enum, namespace: shop }\nspec:\n  mtls:\n    mode: STRIKT\n',
    line: 6,
    field: 'spec.mtls.mode',
    says: /"STRIKT".*STRICT/,
  },
  {
    name: 'weights that are negative',
    text: route('weight', '{ route: [{ destination: { host: web }, weight: -1 }] }'),
    line: 6,
    field: 'spec.http[0].route[0].weight',
    says: /-1/,
  },
  {
    name: 'a look-ahead, which RE2 has not',
    text: route('regex', '{ match: [{ uri: { regex: "(?=x)" } }], route: [{ destination: { host: web } }] }'),
    line: 6,
    field: 'spec.http[0].match[0].uri.regex',
    says: /RE2/,
  },
  {
    name: 'a route to a missing host',
    severity: 'warning',
    text: route('host', '{ route: [{ destination: { host: wep } }] }'),
    line: 6,
    field: 'spec.http[0].route[0]',
    says: /wep\.shop.*web\.shop/,
  },
  {
    name: 'a route to a missing subset',
    severity: 'warning',
    text: route('subset', '{ route: [{ destination: { host: web, subset: v9 } }] }'),
    line: 6,
    field: 'spec.http[0].route[0]',
    says: /v9/,
  },
  { name: 'a second resource of the same name', text: WEB, line: 1, says: /Service shop\/web stands in a\.yaml:1 already/ },
];

let folder = '';
let plane: ControlPlane;
let diagnostics: readonly { severity: string; file: string; line: number; field?: string; message: string }[] = [];
const fileOf = (index: number): string => `bad-${String(index).padStart(2, '0')}.yaml`;

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'tulle-bad-'));
  writeFileSync(path.join(folder, 'a.yaml'), WEB);
  for (const [index, { text }] of CASES.entries()) writeFileSync(path.join(folder, fileOf(index)), text);
  plane = await startControlPlane({ folder, stateDir: path.join(folder, '.tulle'), log: silentLog });
  ({ diagnostics } = JSON.parse((await ask({ socketPath: plane.adminSocket }, '/api/diagnostics')).text));
});
after(async () => {
  await plane.close();
  rmSync(folder, { recursive: true });
});

for (const [index, { name, severity = 'error', line, field, says }] of CASES.entries()) {
  test(`${name} is told with its place`, () => {
    const own = diagnostics.filter((each) => each.file === fileOf(index) && each.severity === severity);
    const found = own.find(({ message }) => says.test(message));
    assert.ok(found !== undefined, JSON.stringify(own));
    assert.deepEqual([found.line, found.field], [line, field]);
  });
}

test('two routes for one host: the older counts, and both are named', async () => {
  const both = `${route('first', '{ directResponse: { status: 201 } }')}---\n${route('second', '{ directResponse: { status: 202 } }')}`;
  writeFileSync(path.join(folder, 'two.yaml'), both.replace('[second.', '[first.'));
  let found: (typeof diagnostics)[number] | undefined;
  while (found === undefined) {
    const answer: { diagnostics: typeof diagnostics } = JSON.parse((await ask({ socketPath: plane.adminSocket }, '/api/diagnostics')).text);
    found = answer.diagnostics.find(({ file }) => file === 'two.yaml');
  }
  assert.match(found.message, /VirtualService shop\/first \(two\.yaml:1\)/);
  assert.equal(found.line, 8);
});

test('what is right beside it is served', async () => {
  const { text } = await ask({ socketPath: plane.adminSocket }, '/api/services');
  assert.match(text, /web\.shop\.svc\.cluster\.local/);
});
