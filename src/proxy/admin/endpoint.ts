/** The contract of admin endpoints: one file each under `endpoints/`, one row each in `endpoints.ts`. */
import type { CONTENT_TYPES } from '../telemetry/prometheus.ts';
import type { AdminView } from './view.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly type:
    | 'text/plain; charset=utf-8'
    | 'application/json'
    | 'text/html; charset=utf-8'
    | (typeof CONTENT_TYPES)[keyof typeof CONTENT_TYPES];
  /** Pieces where it may be long: others have their turn between them. */
  readonly body: string | Iterable<string>;
}

export interface AdminEndpoint {
  readonly path: string;
  /** Endpoints that change something take POST only. */
  readonly method: 'GET' | 'POST';
  /** One line for `/help`. */
  readonly help: string;
  /** `accept` is what the client would rather have; '' where it does not say. */
  handle(query: URLSearchParams, proxy: AdminView, accept: string): AdminAnswer;
}

/** An answer in plain text. */
export function text(body: string, status = 200): AdminAnswer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

/** An answer in JSON, indented for people. */
export function json(value: unknown): AdminAnswer {
  return { status: 200, type: 'application/json', body: `${JSON.stringify(value, null, 1)}\n` };
}

/** A regular expression of a query parameter: undefined where it is not given, a 400 answer where it is broken. */
export function regexParameter(query: URLSearchParams, name: string): RegExp | AdminAnswer | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  try {
    return new RegExp(value);
  } catch {
    return text(`${name} is not a regular expression: ${value}\n`, 400);
  }
}
