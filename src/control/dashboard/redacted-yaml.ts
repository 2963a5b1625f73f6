/**
 * A YAML document without what is secret in it, every line in its place: values of keys that speak of a secret, and
 * environments, which hold what applications are told and may be anything. Where values end is the parser's word, so that
 * no way of writing one shows it.
 */
import { type Document, isAlias, isCollection, isPair, isScalar, type Node, type Pair, visit } from 'yaml';

const HIDDEN = '[hidden]';

/** Keys of which all is hidden that stands below them. */
const SECRET_KEY = /(?:password|passwd|secret|token|api[-_]?key|private[-_]?key)$/i;
/** Headers: a value is hidden, and what a rule wants of it is not. */
const SECRET_HEADER = /(?:authorization|cookie)$/i;
const ENVIRONMENTS: ReadonlySet<string> = new Set(['env', 'environmentVariables', 'proxyMetadata']);
const SECRET_COMMENT = /(#.*(?:password|passwd|secret|token|api[-_]?key|private[-_]?key|authorization|cookie)["']?\s*[:=]\s*).*$/i;

interface Span {
  readonly start: number;
  readonly end: number;
}

function spanOf({ range }: Node): Span[] {
  return range === null || range === undefined || range[0] === range[1] ? [] : [{ start: range[0], end: range[1] }];
}

/** Values at and below a node; what an alias stands for is one, too. `seen`: an alias may stand for what it is in. */
function valuesOf(node: Node, document: Document, seen: Set<Node> = new Set()): Span[] {
  if (seen.has(node)) return [];
  seen.add(node);
  if (isScalar(node)) return spanOf(node);
  if (isAlias(node)) {
    const meant = node.resolve(document);
    return meant === undefined ? spanOf(node) : [...spanOf(node), ...valuesOf(meant, document, seen)];
  }
  const spans: Span[] = [];
  visit(node, {
    Value(key, value) {
      if (key !== 'key' && isScalar(value)) spans.push(...valuesOf(value, document, seen));
    },
    Alias: (_, alias) => void spans.push(...valuesOf(alias, document, seen)),
  });
  return spans;
}

function isHidden({ key, value }: Pair): boolean {
  const name = isScalar(key) ? String(key.value) : '';
  if (ENVIRONMENTS.has(name) || SECRET_KEY.test(name)) return true;
  return SECRET_HEADER.test(name) && !(isCollection(value) && value.items.some(isPair));
}

interface Found {
  readonly values: readonly Span[];
  /** Nodes below which comments may be values that were taken out. */
  readonly nodes: readonly Span[];
}

function secretsOf(document: Document): Found {
  const values: Span[] = [];
  const nodes: Span[] = [];
  visit(document, {
    Pair(_, pair) {
      const { value } = pair;
      if (!isHidden(pair) || !(isScalar(value) || isAlias(value) || isCollection(value))) return undefined;
      values.push(...valuesOf(value, document));
      if (isCollection(value)) nodes.push(...spanOf(value));
      return visit.SKIP;
    },
  });
  return { values, nodes };
}

/** As many lines as before. */
function veil(text: string): string {
  const [, ...more] = text.split('\n');
  return [HIDDEN, ...more.map((line) => (line.trim() === '' ? line : line.replace(/\S.*$/, HIDDEN)))].join('\n');
}

function withoutValues(text: string, spans: readonly Span[]): string {
  // an alias and its anchor may both name a value
  const starts = new Map(spans.map((span) => [span.start, span]));
  let left = text;
  for (const { start, end } of [...starts.values()].toSorted((a, b) => b.start - a.start)) {
    // a comment behind a value may be its former one
    const tail = left.slice(end).replace(/^[ \t]+#.*/, '');
    left = left.slice(0, start) + veil(left.slice(start, end)) + tail;
  }
  return left;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Numbers of lines, from 0, of comments in a node and right behind it. */
function commentLines(text: string, lines: readonly string[], { start, end }: Span): number[] {
  const lineAt = (offset: number): number => text.slice(0, offset).split('\n').length - 1;
  const [first, last] = [lineAt(start), lineAt(end)];
  const indent = indentOf(lines[first] ?? '');
  const isComment = (line: string): boolean => line.trimStart().startsWith('#');
  const isBehind = (line: string): boolean => line.trim() === '' || (isComment(line) && indentOf(line) >= indent);
  const next = lines.findIndex((line, index) => index > last && !isBehind(line));
  const until = next === -1 ? lines.length : next;
  return lines.flatMap((line, index) => (index >= first && index < until && isComment(line) ? [index] : []));
}

/** `text`, of which `document` was read without errors, with {@link HIDDEN} in the place of secrets. */
export function redactedYaml(text: string, document: Document): string {
  const { values, nodes } = secretsOf(document);
  const lines = text.split('\n');
  const taken = new Set(nodes.flatMap((node) => commentLines(text, lines, node)));
  return withoutValues(text, values)
    .split('\n')
    .map((line, index) => (taken.has(index) ? line.replace(/#.*$/, `# ${HIDDEN}`) : line.replace(SECRET_COMMENT, `$1${HIDDEN}`)))
    .join('\n');
}
