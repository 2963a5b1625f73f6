/**
 * The tags in Envoy's dotted names: what is a name inside them (a cluster's, a listener's, a status) is taken out, as
 * Envoy's well-known tags do. Source: Envoy, source/common/config/well_known_names.cc.
 */
import type { Labels } from './stats.ts';
import type { Stat } from './registry.ts';

/** A name without the names in it. */
export interface TaggedName {
  readonly name: string;
  readonly tags: Labels;
}

/** First words of names that are followed by a name, and the label that it becomes. */
const TAGS = new Map([
  ['cluster', 'envoy.cluster_name'],
  ['http', 'envoy.http_conn_manager_prefix'],
  ['listener', 'envoy.listener_address'],
  ['tcp', 'envoy.tcp_prefix'],
  ['vhost', 'envoy.virtual_host'],
  ['route', 'envoy.route'],
  ['vcluster', 'envoy.virtual_cluster'],
]);

/** A status or a class of statuses at a name's end: `upstream_rq_503`, `downstream_rq_5xx`. */
const STATUS = /^(.*_rq)_(?:(\d{3})|(\d)xx)$/;

/** Splits scopes' prefixes such that the first word and the name after it stand alone. */
function partsOf(stat: Stat): readonly string[] {
  const parts: string[] = [];
  const whole = stat.prefixes.length === 0 ? [stat.name] : [...stat.prefixes, stat.leaf];
  for (const text of whole) {
    const dot = text.indexOf('.');
    const word = dot === -1 ? text : text.slice(0, dot);
    if (dot === -1 || !TAGS.has(word)) {
      parts.push(text);
      continue;
    }
    parts.push(word);
    const rest = text.slice(dot + 1);
    // without a scope nothing tells where the name ends but the next dot
    const end = stat.prefixes.length === 0 ? rest.indexOf('.') : -1;
    if (end === -1) parts.push(rest);
    else parts.push(rest.slice(0, end), rest.slice(end + 1));
  }
  return parts;
}

/** Takes the tags out of the name of a statistic of Envoy's kind. */
export function taggedName(stat: Stat): TaggedName {
  const tags: Record<string, string> = {};
  const words: string[] = [];
  const parts = partsOf(stat);
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? '';
    words.push(part);
    const tag = TAGS.get(part);
    const value = parts[i + 1];
    if (tag === undefined || value === undefined || i + 2 >= parts.length) continue;
    tags[tag] = value;
    i++;
  }
  const status = STATUS.exec(words.at(-1) ?? '');
  if (status !== null) {
    const [, base = '', code, klass] = status;
    words[words.length - 1] = code === undefined ? `${base}_xx` : base;
    if (code !== undefined) tags['envoy.response_code'] = code;
    if (klass !== undefined) tags['envoy.response_code_class'] = klass;
  }
  return { name: words.join('.'), tags };
}
