/** What a collector got about a request, without what no two runs have in common: ids by whose they are, no times. */
import { Buffer } from 'node:buffer';
import type { Collected } from './collector.ts';
import type { Seen } from './origin.ts';

/** One request: what its answer and its upstreams were told, and its spans. */
export interface Report {
  readonly answer: readonly string[];
  readonly upstream: readonly (readonly string[])[];
  readonly spans: readonly object[];
}

/** A request as a topic knows it: `mark` is in its URL. */
interface Marked {
  readonly mark: string;
  readonly seen: readonly Seen[];
  readonly answer: readonly string[];
}

/** A span of either kind. */
interface Raw {
  readonly trace: string;
  readonly id: string;
  readonly parent: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly rest: object;
  /** How it came. */
  readonly way: object;
}

type Json = Readonly<Record<string, unknown>>;

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);
const hex = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : '', 'base64').toString('hex');

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function attributesOf(value: unknown): Record<string, string> {
  return Object.fromEntries(list(value).map(({ key, value: text }) => [String(key), textOf((text as Json)['stringValue'])]));
}

/** Of a resource, without what tells one program from the other. */
function resourceOf(value: unknown): object {
  const all = attributesOf((value as Json | undefined)?.['attributes']);
  return Object.fromEntries(Object.entries(all).filter(([key]) => !key.startsWith('telemetry.sdk.')));
}

function fieldsOf({ fields }: Collected): object {
  const { host, ':authority': authority, 'content-type': contentType, 'x-token': token } = fields;
  return { authority: String(host ?? authority), contentType, ...(token !== undefined && { token }) };
}

function otlpSpans(collected: Collected): Raw[] {
  const found: Raw[] = [];
  for (const { resource, scopeSpans } of list((collected.body as Json)['resourceSpans'])) {
    for (const span of list(scopeSpans).flatMap(({ spans }) => list(spans))) {
      const { name, kind, flags, traceState, status, events } = span;
      found.push({
        trace: hex(span['traceId']),
        id: hex(span['spanId']),
        parent: hex(span['parentSpanId']),
        tags: attributesOf(span['attributes']),
        rest: { name, kind, flags, traceState, status, events: list(events).map((event) => event['name']) },
        way: { path: collected.path, resource: resourceOf(resource), ...fieldsOf(collected) },
      });
    }
  }
  return found;
}

function zipkinSpans(collected: Collected): Raw[] {
  return list(collected.body).map((span) => {
    const { traceId, id, parentId, tags, timestamp: _at, duration: _for, annotations, localEndpoint, ...rest } = span;
    const { serviceName, port } = localEndpoint as Json;
    return {
      trace: String(traceId),
      id: String(id),
      parent: textOf(parentId),
      tags: tags as Record<string, string>,
      rest: { ...rest, annotations: list(annotations).map(({ value }) => value), serviceName, port },
      way: { path: collected.path, ...fieldsOf(collected) },
    };
  });
}

/** Names for the ids of one request, by the order in which they are met. */
class Names {
  readonly #known: Map<string, string>;

  constructor(spans: readonly Raw[]) {
    this.#known = new Map([
      ['', ''],
      ['0af7651916cd43dd8448eb211c80319c', 'the caller’s trace'],
      ['b7ad6b7169203331', 'the caller’s span'],
    ]);
    for (const [i, { id }] of spans.entries()) if (!this.#known.has(id)) this.#known.set(id, `span ${i}`);
  }

  of(id: string): string {
    return this.#known.get(id) ?? (id.length === 32 ? 'a trace' : 'an id');
  }

  /** Ids in a text. */
  in(text: string): string {
    return text.replaceAll(/\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b/g, (id) => `<${this.of(id)}>`);
  }
}

const PORT = /127\.0\.0\.1:\d{2,5}/g;

function plainTags(tags: Raw['tags']): object {
  const entries = Object.entries(tags).map(([key, text]) => {
    if (key === 'guid:x-request-id') return [key, text.replace(/^[0-9a-f]{8}-.{4}-(.).*$/, 'reason $1')];
    return [key, text.replaceAll(PORT, '<host>')];
  });
  return Object.fromEntries(entries.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

const TOLD = /^(?:traceparent|tracestate|baggage|b3|x-b3-[a-z]+|x-envoy-decorator-operation|x-request-id):/i;

function toldOf(fields: readonly string[], names: Names): string[] {
  const own = fields.filter((line) => TOLD.test(line)).map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()).trim());
  return own.map((line) => names.in(line.replace(/^(x-request-id: )[0-9a-f]{8}-.{4}-(.).{21}$/, '$1reason $2'))).toSorted();
}

/** The oldest first: parents before their children, which come in the order of their attempts. */
function inOrder(spans: readonly Raw[]): readonly Raw[] {
  const isChild = ({ parent }: Raw) => spans.some(({ id }) => id === parent);
  return [...spans.filter((span) => !isChild(span)), ...spans.filter(isChild)];
}

/** Puts together what belongs to each of these requests. */
export function reportsOf(received: readonly Collected[], requests: readonly Marked[]): readonly Report[] {
  const all = received.flatMap((each) => (each.path.startsWith('/api/') ? zipkinSpans(each) : otlpSpans(each)));
  return requests.map(({ mark, seen, answer }) => {
    const own = all.filter(({ tags }) => new RegExp(`${mark}(?!\\d)`).test(tags['http.url'] ?? ''));
    const attempts = all.filter(({ parent, tags }) => tags['http.url'] === undefined && own.some(({ id }) => id === parent));
    const spans = inOrder([...own, ...attempts]);
    const names = new Names(spans);
    return {
      answer: toldOf(answer, names),
      upstream: seen.map(({ fields }) => toldOf(fields, names)),
      spans: spans.map(({ trace, id, parent, tags, rest, way }) => ({
        trace: names.of(trace),
        id: names.of(id),
        parent: names.of(parent),
        tags: plainTags(tags),
        ...rest,
        ...way,
      })),
    };
  });
}
