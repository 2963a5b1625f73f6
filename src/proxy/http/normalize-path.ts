/**
 * Paths as routes and policies are to see them. Source: Envoy, HttpConnectionManager.normalize_path, merge_slashes and
 * path_with_escaped_slashes_action; RFC 3986 section 6.2.2. The query is never touched.
 */
export type EscapedSlashes = 'keep' | 'reject' | 'redirect' | 'forward';

export interface PathOptions {
  readonly isNormalized: boolean;
  readonly mergesSlashes: boolean;
  readonly escapedSlashes: EscapedSlashes;
}

/** `undefined` means that the path cannot be used. `isRedirect`: the client should ask for the new path itself. */
export interface PathResult {
  readonly path: string;
  readonly isRedirect: boolean;
}

const ESCAPED_SLASH = /%2f|%5c/i;
const ESCAPED_SLASHES = /%2f|%5c/gi;
const UNRESERVED_ESCAPE = /%(?:2[de]|3\d|4[1-9a-f]|5[0-9a]|5f|6[1-9a-f]|7[0-9a]|7e)/gi;
/** What could make normalizing change anything. */
const SUSPECT = /[%\\]|\/\.|\/\//;

/** Resolves `.` and `..` segments; above the root there is nothing. */
function removeDotSegments(path: string): string {
  const out: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const isLast = i === segments.length - 1;
    if (segment === '..') {
      out.pop();
    } else if (segment !== '.') out.push(segment);
    if (isLast && (segment === '.' || segment === '..')) out.push('');
  }
  return `/${out.join('/')}`;
}

function normalize(path: string): string {
  const decoded = path.replace(UNRESERVED_ESCAPE, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
  return removeDotSegments(decoded.replaceAll('\\', '/'));
}

/** Applies the options to a path with its query. Gives the path itself where nothing changes; undefined: refuse it. */
export function normalizePath(full: string, options: PathOptions): PathResult | undefined {
  if (!SUSPECT.test(full) || full.charCodeAt(0) !== 0x2f) return { path: full, isRedirect: false };
  const mark = full.indexOf('?');
  let path = mark < 0 ? full : full.slice(0, mark);
  const query = mark < 0 ? '' : full.slice(mark);
  let isRedirect = false;
  if (options.escapedSlashes !== 'keep' && ESCAPED_SLASH.test(path)) {
    if (options.escapedSlashes === 'reject') return undefined;
    isRedirect = options.escapedSlashes === 'redirect';
    path = path.replace(ESCAPED_SLASHES, '/');
  }
  if (options.isNormalized) path = normalize(path);
  if (options.mergesSlashes) path = path.replace(/\/{2,}/g, '/');
  return { path: path + query, isRedirect };
}
