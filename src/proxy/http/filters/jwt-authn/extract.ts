/** Where tokens stand in a request, and how they are taken out of it. Source: Envoy, JwtProvider.from_*. */
import type { RequestHead } from '../../../../wire/http/message.ts';
import type { JwtProvider } from '../../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { cookieOf } from '../request-cookie.ts';

export interface FoundToken {
  readonly text: string;
  /** Issuers whose tokens may stand there; undefined: all. */
  readonly issuers: ReadonlySet<string> | undefined;
  /** Takes it out of the request. */
  remove(head: RequestHead): void;
}

interface Place {
  /** Orders places of one kind, and tells them apart. */
  readonly key: string;
  find(head: RequestHead): readonly string[];
  remove(head: RequestHead): void;
}

const TOKEN_CHARS = /[A-Za-z0-9_.-]/;

/** What follows the prefix in a header's value; a value without it has no token. */
function afterPrefix(value: string, prefix: string): string | undefined {
  if (prefix === '') return value;
  if (value.startsWith(prefix) && TOKEN_CHARS.test(value.charAt(prefix.length))) return value.slice(prefix.length);
  const at = value.indexOf(prefix);
  if (at === -1) return undefined;
  const rest = value.slice(at + prefix.length);
  const start = rest.search(TOKEN_CHARS);
  return start === -1 ? value : rest.slice(start);
}

function headerPlace(name: string, prefix: string): Place {
  const lower = name.toLowerCase();
  return {
    key: `1${lower}${prefix}`,
    find({ headers }) {
      const values = headers.getAll(lower);
      if (values.length === 0) return values;
      // several fields of this name are one list, which is no token: nobody can pick the one of them that is good
      const lines = lower === 'authorization' && values.length > 1 ? [values.join(',')] : values;
      return lines.map((value) => afterPrefix(value, prefix)).filter((token) => token !== undefined);
    },
    remove: ({ headers }) => headers.remove(lower),
  };
}

/** `%41` becomes `A`; what is no encoding stays. */
function decodePercent(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function paramPlace(name: string): Place {
  return {
    key: `2${name}`,
    find({ path }) {
      const start = path.indexOf('?');
      if (start === -1) return [];
      for (const pair of queryOf(path, start).split('&')) {
        const equals = pair.indexOf('=');
        if (decodePercent(equals === -1 ? pair : pair.slice(0, equals)) !== name) continue;
        return [equals === -1 ? '' : decodePercent(pair.slice(equals + 1))];
      }
      return [];
    },
    remove(head) {
      const start = head.path.indexOf('?');
      if (start === -1) return;
      const query = queryOf(head.path, start);
      const kept = query.split('&').filter((pair) => decodePercent(pair.split('=', 1)[0] ?? '') !== name);
      const rest = head.path.slice(start + 1 + query.length);
      head.path = head.path.slice(0, start) + (kept.length === 0 ? '' : `?${kept.join('&')}`) + rest;
    },
  };
}

function queryOf(path: string, start: number): string {
  const hash = path.indexOf('#', start);
  return path.slice(start + 1, hash === -1 ? undefined : hash);
}

function cookiePlace(name: string): Place {
  return {
    key: `3${name}`,
    find({ headers }) {
      const value = cookieOf(headers, name);
      return value === undefined ? [] : [value];
    },
    // as in Envoy, which leaves cookies to the upstream
    remove: () => undefined,
  };
}

function placesOf({ fromHeaders, fromParams, fromCookies }: JwtProvider): Place[] {
  if (fromHeaders.length + fromParams.length + fromCookies.length === 0) {
    return [headerPlace('authorization', 'Bearer '), paramPlace('access_token')];
  }
  return [
    ...fromHeaders.map(({ name, valuePrefix }) => headerPlace(name, valuePrefix)),
    ...fromParams.map(paramPlace),
    ...fromCookies.map(cookiePlace),
  ];
}

/** Finds the tokens of a request, in the order in which they are to be verified. */
export type Extractor = (head: RequestHead) => FoundToken[];

/** An extractor of what the given providers look for. */
export function createExtractor(providers: readonly JwtProvider[]): Extractor {
  const byKey = new Map<string, { place: Place; issuers: Set<string>; isAny: boolean }>();
  for (const provider of providers) {
    for (const place of placesOf(provider)) {
      let entry = byKey.get(place.key);
      if (entry === undefined) byKey.set(place.key, (entry = { place, issuers: new Set(), isAny: false }));
      if (provider.issuer === '') entry.isAny = true;
      else entry.issuers.add(provider.issuer);
    }
  }
  const places = [...byKey.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  return (head) => {
    const found: FoundToken[] = [];
    for (const { place, issuers, isAny } of places) {
      for (const text of place.find(head)) {
        found.push({ text, issuers: isAny ? undefined : issuers, remove: (target) => place.remove(target) });
      }
    }
    // the last one found is verified first
    return found.toReversed();
  };
}
