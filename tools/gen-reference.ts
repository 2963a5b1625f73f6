/**
 * Writes docs/reference/ from the tables that the code itself goes by: schemas of kinds, diagnostic codes, fields that
 * the proxy obeys, differences from Envoy, and what the commands say of themselves. `node tools/gen-reference.ts`; a test holds it to the code.
 */
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { analysisCodes } from '../src/compile/analyze/codes.ts';
import { checks } from '../src/compile/analyze/index.ts';
import { dialects } from '../src/compile/dialects/index.ts';
import type { Dialect } from '../src/compile/dialects/dialect.ts';
import { foreignKinds } from '../src/compile/dialects/foreign-kinds.ts';
import { diagnosticCodes } from '../src/compile/schema/codes.ts';
import { formatAllows } from '../src/compile/schema/formats.ts';
import type { Field, FieldRule, Fields, ObjectSchema, Schema, UnsupportedField } from '../src/compile/schema/schema.ts';
import { METRICS } from '../src/proxy/telemetry/metric-help.ts';
import { fieldTable } from '../src/proxy/config/supported.ts';
import { DIFFERENCES as ISTIO_DIFFERENCES, type IstioDifference } from '../test/conformance/istio/differences.ts';
import { type Difference, DIFFERENCES } from '../test/differential/differences.ts';
import { root } from './run.ts';

const MADE = '<!-- made by tools/gen-reference.ts; do not edit -->';

function page(title: string, intro: string, body: readonly string[]): string {
  return `${MADE}\n\n# ${title}\n\n${intro}\n\n${body.join('\n\n')}\n`;
}

/** Text for a table's cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

/** What a value looks like, in a few words. */
function typeText(schema: Schema): string {
  switch (schema.type) {
    case 'string':
      return schema.format === undefined ? 'text' : formatAllows(schema.format);
    case 'int':
      return `whole number, ${schema.min} to ${schema.max}`;
    case 'number':
      return `number, ${schema.min} to ${schema.max}`;
    case 'bool':
      return 'true or false';
    case 'duration':
      return schema.minMs === 0 ? 'duration' : `duration, at least ${schema.minMs}ms`;
    case 'bytes':
      return 'base64';
    case 'int-or-string':
      return 'whole number or name';
    case 'free-form':
      return 'map of anything';
    case 'enum':
      return schema.values.map(code).join(', ');
    case 'list':
      return schema.of.type === 'object' ? 'list of objects' : `list: ${typeText(schema.of)}`;
    case 'map':
      return schema.of.type === 'object' ? 'map of names to objects' : `map of names to: ${typeText(schema.of)}`;
    case 'object':
      return 'object';
  }
}

/** Milliseconds as Go writes them. */
function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

function defaultText(field: Field): string {
  if (field.presence === 'required') return 'required';
  if (field.schema.type === 'duration' && typeof field.default === 'number') return code(durationText(field.default));
  return field.presence === 'defaulted' ? code(JSON.stringify(field.default)) : '';
}

/** The object that a schema holds, however deep in lists and maps, and how a path goes there. */
function innerObject(schema: Schema): { readonly object: ObjectSchema; readonly suffix: string } | undefined {
  if (schema.type === 'object') return { object: schema, suffix: '' };
  if (schema.type !== 'list' && schema.type !== 'map') return undefined;
  const inner = innerObject(schema.of);
  return inner && { object: inner.object, suffix: `${schema.type === 'list' ? '[]' : '.*'}${inner.suffix}` };
}

const SEVERITY: Readonly<Record<UnsupportedField['severity'], string>> = {
  error: 'not supported: the resource is refused',
  warning: 'not supported: left out, with a warning',
  none: 'read over',
};

function unsupportedValues(schema: Schema): string {
  if (schema.type === 'list') return unsupportedValues(schema.of);
  if (schema.type !== 'enum') return '';
  const known = Object.entries(schema.unsupported).map(([value, why]) => `${code(value)} is not supported (${why})`);
  return known.length === 0 ? '' : ` ${known.join('; ')}.`;
}

interface Row {
  readonly cells: readonly [path: string, type: string, fallback: string, description: string];
}

/** Rows of an object's fields; objects that contain themselves are named once. */
function fieldRows(fields: Fields, prefix: string, above: readonly ObjectSchema[]): Row[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const at = prefix === '' ? name : `${prefix}.${name}`;
    if (field.presence === 'unsupported') return [{ cells: [code(at), '', SEVERITY[field.severity], field.description] as const }];
    const note = field.deprecated === undefined ? '' : ` Deprecated: ${field.deprecated}`;
    const description = `${field.description}${note}${unsupportedValues(field.schema)}`;
    const row: Row = { cells: [code(at), typeText(field.schema), defaultText(field), description] };
    const inner = innerObject(field.schema);
    if (inner === undefined || above.includes(inner.object)) return [row];
    return [row, ...fieldRows(inner.object.fields, `${at}${inner.suffix}`, [...above, inner.object])];
  });
}

const RULE: Readonly<Record<FieldRule['kind'], string>> = {
  'exactly-one': 'Exactly one of',
  'at-most-one': 'At most one of',
  'at-least-one': 'At least one of',
};

/** Sentences on fields that exclude or need each other. */
function ruleLines(schema: Schema, at: string, above: readonly Schema[]): string[] {
  const inner = innerObject(schema);
  if (inner === undefined || above.includes(inner.object)) return [];
  const here = `${at}${inner.suffix}`;
  const own = inner.object.rules.map(
    ({ kind, fields }) => `- ${RULE[kind]} ${fields.map(code).join(', ')}${here === '' ? '' : ` in ${code(here)}`}.`,
  );
  const deeper = Object.entries(inner.object.fields).flatMap(([name, field]) =>
    field.presence === 'unsupported' ? [] : ruleLines(field.schema, here === '' ? name : `${here}.${name}`, [...above, inner.object]),
  );
  return [...own, ...deeper];
}

/** Fields that every kind has alike. */
const ENVELOPE = ['apiVersion', 'kind', 'metadata', 'status'];

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

const FIELD_HEAD = ['field', 'value', 'default', 'what it is'];

function kindSection({ kind, apiVersions, description, isNamespaced, schema }: Dialect): string {
  const rows = fieldRows(without(schema.fields, ENVELOPE), '', [schema]).map(({ cells }) => cells);
  const rules = ruleLines(schema, '', []);
  return [
    `## ${kind} (${apiVersions[0]})`,
    `${description} ${isNamespaced ? 'Namespaced.' : 'Without a namespace.'} apiVersion: ${apiVersions.map(code).join(', ')}.`,
    ...(rows.length === 0 ? [] : [table(FIELD_HEAD, rows)]),
    ...(rules.length === 0 ? [] : [rules.join('\n')]),
  ].join('\n\n');
}

function resourcesPage(): string {
  const [first] = dialects;
  const envelope: Fields =
    first === undefined ? {} : Object.fromEntries(Object.entries(first.schema.fields).filter(([n]) => n === 'metadata'));
  const foreign = foreignKinds.flatMap(({ group, kinds, severity, reason }) =>
    kinds.map((kind) => [kind, group === '' ? 'core' : group, severity, reason] as const),
  );
  const order = { error: 'error', warning: 'warning', info: 'passed over' } as const;
  return page(
    'Resources',
    'Every kind that Tulle reads, with every field. `[]` stands for each item of a list, `.*` for each name of a map. Durations are written as Go does: `1h30m`, `250ms`. A field that does not stand here is an error.',
    [
      '## Every kind',
      table(
        FIELD_HEAD,
        fieldRows(envelope, '', []).map(({ cells }) => cells),
      ),
      ...dialects.map(kindSection),
      '## Kinds that are known and not read',
      table(
        ['kind', 'group', 'is', 'why, and what to write instead'],
        foreign.map(([kind, group, severity, reason]) => [kind, group, order[severity], reason]),
      ),
    ],
  );
}

function proxyPage(): string {
  const rows = fieldTable().map(({ typeName, obeyed, accepted }) => [
    code(typeName),
    obeyed.map(code).join(' ') || '(it has no fields, or none that are obeyed)',
    accepted.map(code).join(' '),
  ]);
  return page(
    'What the proxy obeys',
    'The messages of xDS v3 and of a bootstrap, with their fields. "Accepted" are fields that tune a mechanism which Tulle does not have, and that change no answer to any client. A field or message that does not stand here is refused by name: at the start with file and line, later in a NACK.',
    [table(['message', 'obeyed', 'accepted, without effect'], rows)],
  );
}

function diagnosticsPage(): string {
  const rows = Object.entries(diagnosticCodes).map(([name, text]) => [code(name), text]);
  return page(
    'Diagnostics',
    'What the control plane says of a folder, by code. `tulle check` prints each with file, line and field. A resource with an error is left out, or stays as it was before the edit.',
    [table(['code', 'meaning'], rows)],
  );
}

function analysisPage(): string {
  const rows = Object.entries(analysisCodes).map(([name, { severity, name: words, title, mend }]) => [
    code(name),
    words,
    severity,
    title,
    mend,
  ]);
  const looks = checks.map(({ name, looksAt, codes }) => [code(name), looksAt.join(', '), codes.map(code).join(' ')]);
  return page(
    'Analysis',
    "What `tulle analyze` says ([how to use it](../analyze.md)). Codes `IST` are Istio's, with its names; `TUL` are ours. The compiler's own [diagnostics](diagnostics.md) are among its findings: under `IST0101`, `IST0106`, `IST0109`, `IST0127`, `IST0133`, `IST0002` and `IST0177` where Istio has a code for them, else under their own.",
    [
      '## Codes',
      table(['code', 'name', 'severity', 'what happens', 'how to mend it'], rows),
      '## Analysers',
      table(['analyser', 'looks at', 'says'], looks),
    ],
  );
}

/** Where the proxy answers otherwise than Envoy, on purpose. */
function differencesPage(): string {
  const all: readonly Difference[] = Object.values(DIFFERENCES).toSorted((a, b) => (a.area < b.area ? -1 : 1));
  const rows = all.map(({ area, envoy, tulle, why }) => [area, envoy, tulle, why]);
  return page(
    'Differences from Envoy',
    "From the same bootstrap, Tulle's proxy answers as Envoy does: `test/differential/` asks both, and compares answers, what went upstream, and access logs. These are the differences that are there on purpose; each has a case that shows it.",
    [table(['area', 'Envoy', 'Tulle', 'why'], rows)],
  );
}

/** Where the control plane sends otherwise than istiod, on purpose. */
function istioDifferencesPage(): string {
  const all: readonly IstioDifference[] = Object.values(ISTIO_DIFFERENCES).toSorted((a, b) => (a.area < b.area ? -1 : 1));
  const rows = all.map(({ area, istio, tulle, why }) => [area, istio, tulle, why]);
  return page(
    'Differences from Istio',
    'From the same YAML, a proxy gets from Tulle what it would get from istiod (1.31): `test/conformance/istio/` has the rules of merging, precedence and defaults as cases with the answers of istiod. These are the differences that are known; each has a case that shows it. What is refused by name stands in [the list of fields](reference/resources.md).',
    [table(['area', 'Istio', 'Tulle', 'why'], rows)],
  );
}

/** What a command says of itself. */
async function helpOf(words: readonly string[]): Promise<string> {
  const args = [path.join(root, 'src/cli/main.ts'), ...words, '--help'];
  const env = { ...process.env, NO_COLOR: '1', COLUMNS: '100', FORCE_COLOR: undefined };
  return (await promisify(execFile)(process.execPath, args, { env })).stdout.trimEnd();
}

/** Names in a help text's list of commands. */
function commandsIn(help: string): string[] {
  const list = /\nCommands:\n((?: {2}.*\n?)+)/.exec(help)?.[1] ?? '';
  return [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name ?? '').filter((name) => name !== 'help');
}

async function cliPage(): Promise<string> {
  const whole = await helpOf([]);
  const sections = await Promise.all(
    commandsIn(whole).map(async (name) => {
      const help = await helpOf([name]);
      const below = await Promise.all(commandsIn(help).map((inner) => helpOf([name, inner])));
      return [`## tulle ${name}`, ...[help, ...below].map((text) => `\`\`\`\n${text}\n\`\`\``)].join('\n\n');
    }),
  );
  return page(
    'Commands',
    'Exit codes: 0 all is well (or somebody ended what goes on until Ctrl-C), 1 it failed (or, of `check` and `status`, something is not well), 2 the command line is wrong. Errors are one line on stderr, and a hint.',
    [`\`\`\`\n${whole}\n\`\`\``, ...sections],
  );
}

/** Metrics of the control plane, as its code declares them: name, kind, help. */
const DECLARED = /metrics\.(counter|gauge|total|histogram)\(\s*'([a-z_]+)',\s*(?:'([^']*)'|"([^"]*)")/g;

function controlMetrics(): string[][] {
  const rows = globSync('src/control/**/*.ts', { cwd: root, exclude: ['**/*.test.ts'] }).flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(DECLARED)].map(([, kind = '', name = '', help, quoted]) => [
      code(name),
      kind === 'total' ? 'counter' : kind,
      help ?? quoted ?? '',
    ]),
  );
  return rows.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

function metricsPage(): string {
  const proxies = [...METRICS].map(([name, { kind, help }]) => [code(name), kind, help]);
  return page(
    'Metrics',
    "Metrics with names of their own; what proxies count under Envoy's names (`envoy_cluster_*`, `envoy_http_*`, `envoy_listener_*`, `envoy_tcp_*`, `envoy_server_*`) is described in Envoy's documentation. [How to look at them](../metrics.md).",
    [
      '## Of proxies',
      table(['metric', 'kind', 'meaning'], proxies),
      '## Of the control plane',
      table(['metric', 'kind', 'meaning'], controlMetrics()),
    ],
  );
}

/** The pages by file name within `referenceFolder`. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['resources.md', resourcesPage()],
    ['proxy.md', proxyPage()],
    ['diagnostics.md', diagnosticsPage()],
    ['analysis.md', analysisPage()],
    ['cli.md', await cliPage()],
    ['metrics.md', metricsPage()],
    ['../differences-from-envoy.md', differencesPage()],
    ['../differences-from-istio.md', istioDifferencesPage()],
  ]);
}

/** Where the pages stand. */
export const referenceFolder = path.join(root, 'docs/reference');

if (import.meta.main) {
  mkdirSync(referenceFolder, { recursive: true });
  for (const [name, text] of await referencePages()) writeFileSync(path.join(referenceFolder, name), text);
}
