/** Who may import whom, and why. A folder's row names all that it may reach; nothing else is allowed. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

interface Rule {
  readonly may: readonly string[];
  /** Built-in modules that the folder may use; '*' for all. */
  readonly node: readonly string[] | '*';
  /** Packages that the folder may use, by name; '*' for all. */
  readonly packages: readonly string[] | '*';
  readonly why: string;
}

const RULES: Readonly<Record<string, Rule>> = {
  // node:module for what is loaded when it is needed first
  core: { may: [], node: ['node:module'], packages: ['re2js', '@marcbachmann/cel-js'], why: 'leaf values, no I/O' },
  wire: { may: ['core'], node: [], packages: [], why: 'protocols are pure byte machines' },
  net: { may: ['core', 'wire'], node: '*', packages: '*', why: 'the only socket code; no policy' },
  xds: { may: ['core'], node: [], packages: ['@bufbuild/protobuf'], why: 'the contract: state machines without I/O' },
  model: { may: ['core'], node: [], packages: [], why: "the mesh's nouns" },
  compile: {
    may: ['core', 'model', 'xds'],
    node: [],
    packages: ['@bufbuild/protobuf', 'yaml'],
    why: 'a pure function, testable by data alone',
  },
  control: {
    may: ['core', 'wire', 'net', 'xds', 'model', 'compile'],
    node: '*',
    packages: '*',
    why: 'either half can be replaced: it never sees the proxy',
  },
  proxy: {
    may: ['core', 'wire', 'net', 'xds'],
    node: '*',
    packages: ['@bufbuild/protobuf', '@connectrpc/connect', '@connectrpc/connect-node', 'jose', 'js-yaml'],
    why: 'either half can be replaced: it obeys any xDS server',
  },
  cli: {
    may: ['core', 'wire', 'net', 'xds', 'model', 'compile', 'control', 'proxy'],
    node: '*',
    packages: '*',
    why: 'puts the parts together',
  },
};

const root = path.resolve(import.meta.dirname, '..');
const IMPORT = /^\s*(?:import|export)\b[^'"]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

/** Why `file` may not import `specifier`, or undefined where it may. */
function violation(file: string, specifier: string): string | undefined {
  const [folder = ''] = path.relative(path.join(root, 'src'), file).split(path.sep);
  const rule = RULES[folder];
  if (rule === undefined) return `src/${folder} has no row in test/layers.test.ts`;
  if (specifier.startsWith('node:')) {
    return rule.node === '*' || rule.node.includes(specifier) ? undefined : `${folder} may not use ${specifier}: ${rule.why}`;
  }
  if (!specifier.startsWith('.')) {
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return rule.packages === '*' || rule.packages.includes(name) ? undefined : `${folder} may not use ${name}: ${rule.why}`;
  }
  const [target = ''] = path.relative(path.join(root, 'src'), path.resolve(path.dirname(file), specifier)).split(path.sep);
  return target === folder || rule.may.includes(target) ? undefined : `${folder} may not import ${target}: ${rule.why}`;
}

test('folders import only what the design allows', () => {
  const found: string[] = [];
  for (const name of globSync('src/**/*.ts', { cwd: root })) {
    if (name.includes('/gen/') || name.endsWith('.test.ts') || name.includes('/testing/')) continue;
    const file = path.join(root, name);
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const why = violation(file, match[1] ?? match[2] ?? match[3] ?? '');
      if (why !== undefined) found.push(`${name}: ${why}`);
    }
  }
  assert.deepEqual(found, []);
});

/** Browser code: what it knows of the mesh are its nouns. */
const DASHBOARD = {
  may: ['model'],
  packages: ['preact', '@preact/signals', '@dagrejs/dagre', 'uplot'],
  why: 'it runs in browsers, and talks to the control plane alone',
};

/** Why a file of the dashboard may not import `specifier`, or undefined where it may. */
function dashboardViolation(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) {
    const isKnown = DASHBOARD.packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
    return isKnown ? undefined : `the dashboard may not use ${specifier}: ${DASHBOARD.why}`;
  }
  const [first, second = ''] = path.relative(root, path.resolve(path.dirname(file), specifier)).split(path.sep);
  const isKnown = first === 'dashboard' || (first === 'src' && DASHBOARD.may.includes(second));
  return isKnown ? undefined : `the dashboard may not import ${first}/${second}: ${DASHBOARD.why}`;
}

test("the dashboard imports its libraries and the mesh's nouns", () => {
  const found: string[] = [];
  for (const name of globSync('dashboard/src/**/*.{ts,tsx}', { cwd: root })) {
    if (name.endsWith('.test.ts')) continue;
    const file = path.join(root, name);
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const why = dashboardViolation(file, match[1] ?? match[2] ?? match[3] ?? '');
      if (why !== undefined) found.push(`${name}: ${why}`);
    }
  }
  assert.deepEqual(found, []);
  const page = path.join(root, 'dashboard/src/pages/tap-page.tsx');
  assert.match(dashboardViolation(page, '../../../src/control/main.ts') ?? '', /may not import src\/control/);
  assert.match(dashboardViolation(page, 'node:fs') ?? '', /may not use node:fs/);
});

test('the check sees a forbidden import', () => {
  assert.match(violation(path.join(root, 'src/proxy/main.ts'), '../control/main.ts') ?? '', /proxy may not import control/);
  assert.match(violation(path.join(root, 'src/compile/compile.ts'), 'node:fs') ?? '', /compile may not use node:fs/);
  assert.equal(violation(path.join(root, 'src/proxy/main.ts'), '../net/dial.ts'), undefined);
});
