/**
 * URI templates: `/users/{id}/files/{path=**}`. Envoy: `path.match.uri_template`, `path.rewrite.uri_template`.
 *
 * `*` is one segment, `**` any number of characters of any segments, `{name}` a segment with a name, `{name=a/*}` a name
 * for what several match. A literal may stand before and after an operator in its segment. Stricter than Envoy: a `*`
 * inside of a literal is refused, where Envoy takes the template and matches nothing with it.
 */
import { ConfigError } from '../../core/errors.ts';

export interface UriTemplate {
  /** Names in the order in which they stand. */
  readonly names: readonly string[];
  /** Values by name for a path that matches, or undefined. */
  match(path: string): ReadonlyMap<string, string> | undefined;
  /** True for a path that matches. */
  readonly test: (path: string) => boolean;
}

/** What may stand in a segment of a path. */
const SEGMENT_CHARACTERS = "a-zA-Z0-9\\-._~%!$&'()+,;:@=*";
const ONE = `[${SEGMENT_CHARACTERS}]+`;
const REST = `[${SEGMENT_CHARACTERS}/]*`;
const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]*$/;
const NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,15}$/;
const VARIABLES_MAX = 5;

function quote(literal: string): string {
  return literal.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Reads a template from left to right into a pattern. */
class Reader {
  readonly names: string[] = [];
  #hasRest = false;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Segments without the leading slash, as a pattern. */
  read(template: string, isInVariable: boolean): string {
    // a slash inside of braces separates segments of the variable
    const segments = template.split(/\/(?![^{]*\})/);
    return segments
      .map((segment, i) => {
        if (segment === '' && (i < segments.length - 1 || isInVariable)) throw this.#wrong(`"${template}" has an empty segment`);
        return isInVariable ? this.#plain(segment) : this.#segment(segment);
      })
      .join('/');
  }

  #wrong(why: string): ConfigError {
    return new ConfigError(this.#path, why);
  }

  #literal(text: string): string {
    if (!LITERAL.test(text)) throw this.#wrong(`"${text}" cannot stand in a path`);
    return quote(text);
  }

  #operator(operator: string): string {
    if (this.#hasRest) throw this.#wrong('nothing but literals may follow **');
    if (operator !== '**') return ONE;
    this.#hasRest = true;
    return REST;
  }

  /** A segment of a variable: an operator or a literal. */
  #plain(segment: string): string {
    return segment === '*' || segment === '**' ? this.#operator(segment) : this.#literal(segment);
  }

  #segment(segment: string): string {
    const [, before = '', operator = '', after = ''] = /^([^*{]*)(\*\*?|\{[^}]*\})?(.*)$/s.exec(segment) ?? [];
    if (before !== '' && operator.startsWith('*')) throw this.#wrong(`"${segment}" has a * after a literal`);
    const inner = operator === '' ? '' : operator.startsWith('{') ? this.#variable(operator.slice(1, -1)) : this.#operator(operator);
    return this.#literal(before) + inner + this.#literal(after);
  }

  #variable(text: string): string {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    if (!NAME.test(name)) throw this.#wrong(`"${name}" is not a variable's name: a letter, and at most 15 letters, digits and _`);
    if (this.names.includes(name)) throw this.#wrong(`the variable "${name}" stands twice`);
    this.names.push(name);
    if (this.names.length > VARIABLES_MAX) throw this.#wrong(`there are more than ${VARIABLES_MAX} variables`);
    return `(?<${name}>${equals === -1 ? this.#operator('*') : this.read(text.slice(equals + 1), true)})`;
  }
}

/** Prepares a template; linear in a path's length up to the operators of one segment. Throws ConfigError at `path`. */
export function compileUriTemplate(template: string, path: string): UriTemplate {
  if (!template.startsWith('/')) throw new ConfigError(path, `"${template}" does not begin with /`);
  const reader = new Reader(path);
  const pattern = new RegExp(`^/${reader.read(template.slice(1), false)}$`);
  return {
    names: reader.names,
    test: (text) => pattern.test(text),
    match(text) {
      const groups = pattern.exec(text);
      return groups === null ? undefined : new Map(Object.entries(groups.groups ?? {}));
    },
  };
}

/** Prepares a rewrite of paths that `template` matches: `/{path}/of/{id}`. A path that does not match stays as it is. */
export function compileUriRewrite(rewrite: string, template: UriTemplate, path: string): (requestPath: string) => string {
  if (!rewrite.startsWith('/')) throw new ConfigError(path, `"${rewrite}" does not begin with /`);
  const parts = rewrite.split(/(\{[^{}]*\})/);
  for (const [i, part] of parts.entries()) {
    const isVariable = i % 2 === 1;
    if (isVariable && !template.names.includes(part.slice(1, -1)))
      throw new ConfigError(path, `"${part}" is no variable of path_match_policy`);
    if (!isVariable && (!/^[a-zA-Z0-9\-._~%!$&'()+,;:@=*/]*$/.test(part) || part.includes('//')))
      throw new ConfigError(path, `"${part}" cannot stand in a path`);
  }
  return (requestPath) => {
    const values = template.match(requestPath);
    if (values === undefined) return requestPath;
    return parts.map((part, i) => (i % 2 === 1 ? (values.get(part.slice(1, -1)) ?? '') : part)).join('');
  };
}
