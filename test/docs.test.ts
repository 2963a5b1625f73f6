/**
 * What the documents show works: their YAML is accepted, their links lead somewhere, the commands, options and files that
 * they name are there, every HTTP filter has its part.
 */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { parseAllDocuments } from 'yaml';
import { parseDocuments } from '../src/compile/dialects/load.ts';
import { createLog } from '../src/core/log.ts';
import { parseBootstrap } from '../src/proxy/config/bootstrap.ts';
import { httpFilters } from '../src/proxy/http/filters/index.ts';
import { validateBootstrap } from '../src/proxy/main.ts';
import { BootstrapSchema } from '../src/xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ClusterSchema } from '../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { RouteSchema } from '../src/xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { HttpConnectionManagerSchema } from '../src/xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';

const root = path.resolve(import.meta.dirname, '..');
const documents = globSync(['*.md', 'docs/**/*.md', 'test/**/*.md'], { cwd: root }).toSorted();
const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const silent = createLog(() => {}, Date.now, 'off');

interface Snippet {
  readonly where: string;
  readonly text: string;
}

function snippetsOf(file: string): Snippet[] {
  const text = textOf(file);
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => ({
    where: `${file}:${text.slice(0, match.index).split('\n').length + 1}`,
    text: match[1] ?? '',
  }));
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const typed = (type: string, config: JsonObject = {}): JsonObject => ({ '@type': `type.googleapis.com/${type}`, ...config });

function cluster(name: string, more: JsonObject = {}): JsonObject {
  const address = { socket_address: { address: '127.0.0.1', port_value: 9 } };
  return {
    name,
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    ...more,
  };
}

/** What a snippet may be a part of, with the names that the documents use. */
interface Parts {
  readonly filters?: readonly JsonValue[];
  readonly manager?: JsonObject;
  readonly route?: JsonObject;
  readonly cluster?: JsonObject;
}

function bootstrapWith(parts: Parts): JsonObject {
  const router = { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') };
  const route = { match: { prefix: '/' }, route: { cluster: 'app' }, ...parts.route };
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'in',
    http_filters: [...(parts.filters ?? []), router],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    ...parts.manager,
  });
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } };
  return {
    static_resources: {
      listeners: [{ name: 'in', address, filter_chains: [{ filters }] }],
      clusters: [cluster('app', parts.cluster), cluster('authz'), cluster('login'), cluster('xds-grpc')],
    },
  };
}

const isPartOf = (snippet: JsonObject, { fields }: { readonly fields: readonly { readonly name: string }[] }): boolean =>
  Object.keys(snippet).every((key) => fields.some(({ name }) => name === key));

/** The bootstrap that a snippet is, or stands in; undefined where it is nothing that a proxy is given. */
function bootstrapOf(snippet: JsonValue): JsonObject | undefined {
  if (Array.isArray(snippet)) return bootstrapWith({ filters: snippet });
  if (!isObject(snippet)) return undefined;
  if ('static_resources' in snippet) return snippet;
  if (isPartOf(snippet, BootstrapSchema)) return { node: { id: 'a', cluster: 'b' }, ...bootstrapWith({}), ...snippet };
  if (isPartOf(snippet, RouteSchema)) return bootstrapWith({ route: snippet });
  if (isPartOf(snippet, HttpConnectionManagerSchema)) return bootstrapWith({ manager: snippet });
  if (isPartOf(snippet, ClusterSchema)) return bootstrapWith({ cluster: snippet });
  return undefined;
}

/** Names of files that a snippet mentions are not there when it is checked. */
function withoutFiles(text: string): string {
  return text.replaceAll(/\{ filename: [^}]*\}/g, '{ inline_string: "" }');
}

for (const snippet of documents.flatMap(snippetsOf)) {
  test(`${snippet.where}: the YAML is accepted`, async () => {
    if (/^apiVersion:/m.test(snippet.text)) {
      const { diagnostics } = parseDocuments(snippet.where, snippet.text);
      assert.deepEqual(diagnostics, []);
      return;
    }
    const [document, ...more] = parseAllDocuments(withoutFiles(snippet.text));
    assert.ok(document !== undefined && more.length === 0 && document.errors.length === 0, 'it is one document of YAML');
    const bootstrap = bootstrapOf(document.toJSON());
    assert.ok(bootstrap, 'it is a bootstrap, resources of a mesh, or a part of a chain, a route, a manager or a cluster');
    await validateBootstrap(parseBootstrap(bootstrap), silent);
  });
}

/** The anchor of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

test('links of the documents lead somewhere', () => {
  const dead: string[] = [];
  for (const file of documents) {
    for (const [, target = ''] of textOf(file)
      .replaceAll(/^```[\s\S]*?^```$/gm, '')
      .matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [name = '', anchor] = target.split('#');
      const to = name === '' ? file : path.join(path.dirname(file), name);
      const headings = (): string[] => [...textOf(to).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading));
      if (!existsSync(path.join(root, to)) || (anchor !== undefined && !headings().includes(anchor))) dead.push(`${file}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

/** Spans of code, and lines of what is typed into a terminal. */
function codeOf(file: string): string[] {
  const text = textOf(file);
  const fenced = [...text.matchAll(/^```(?:sh|text)?\n([\s\S]*?)^```$/gm)].flatMap(([, lines = '']) => lines.split('\n'));
  const spans = [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...fenced, ...spans];
}

const OPTION = /(?<![\w-])--?[a-z][a-z-]*/g;

/** The options of each command, those of the commands below it among them. */
function optionsByCommand(): ReadonlyMap<string, ReadonlySet<string>> {
  const parts = textOf('docs/reference/cli.md')
    .split(/^## tulle /m)
    .slice(1);
  return new Map(parts.map((part) => [/^[a-z-]+/.exec(part)?.[0] ?? '', new Set(part.match(OPTION) ?? [])]));
}

test('commands and options that documents show are there', () => {
  const options = optionsByCommand();
  const wrong: string[] = [];
  let seen = 0;
  for (const file of documents.filter((each) => !each.startsWith('docs/reference/'))) {
    const calls = codeOf(file).flatMap((code) => [...code.matchAll(/(?:^|[\s;(|$/])tulle(?:\.js)? ([a-z][a-z-]*)([^;|#]*)/g)]);
    for (const [call, command = '', rest = ''] of calls) {
      seen++;
      const known = options.get(command);
      // behind -- stands somebody else's command
      const used = rest.split(' -- ')[0]?.match(OPTION) ?? [];
      if (known === undefined || !used.every((option) => known.has(option))) wrong.push(`${file}: ${call.trim()}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen > 100, `${seen} commands were found`);
});

/** What programs make is not in a fresh clone. */
const MADE = ['bench/results/', 'src/xds/gen/'];

test('files and folders that documents name are there', () => {
  const sources = globSync('src/**/*.ts', { cwd: root });
  const isOurs = (code: string): boolean =>
    /^(?:src|test|tools|bench|examples|docs|dashboard|bin)\/[\w./-]+$/.test(code) && !MADE.some((folder) => code.startsWith(folder));
  const missing: string[] = [];
  for (const file of documents) {
    // these name what is in src, now and then from a folder in it on
    const isOfSources = textOf(file).includes('are under `src/`');
    for (const code of codeOf(file)) {
      const isThere = isOurs(code)
        ? existsSync(path.join(root, code))
        : !isOfSources || !/^[\w/-]+\.ts$/.test(code) || sources.some((each) => each.endsWith(`/${code}`));
      if (!isThere) missing.push(`${file}: ${code}`);
    }
  }
  assert.deepEqual(missing, []);
});

test('every HTTP filter has its part, and no other', () => {
  const own = httpFilters.flatMap(({ name, schema }) =>
    schema === undefined || name.startsWith('istio.') ? [] : [name.replace('envoy.filters.http.', '')],
  );
  const described = [...textOf('docs/filters.md').matchAll(/^## ([a-z_]+)$/gm)].map(([, name = '']) => name);
  assert.deepEqual(described.toSorted(), [...new Set([...own, 'on_demand', 'router'])].toSorted());
});
