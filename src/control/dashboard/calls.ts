/** What the dashboard answers besides its page: calls of the admin API that tell no secrets, and some of its own. */
import type http from 'node:http';

/** One call of the page. */
export interface Call {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly method: 'GET' | 'POST';
  /** As asked, without the query. */
  readonly pathname: string;
  readonly query: URLSearchParams;
}

/** Answers with a value, or with undefined where it wrote the response itself. */
export type Answer = (call: Call) => object | undefined | Promise<object | undefined>;

/** Calls of the admin API that the dashboard passes on: they only read, and hold no key, token, source or environment. */
const PASSED_ON = [
  '/version',
  '/metrics',
  '/api/services',
  '/api/routes',
  '/api/policies',
  '/api/proxies',
  '/api/instances',
  '/api/diagnostics',
  '/api/rollout',
  '/api/history',
  '/api/ca',
  '/api/flows',
  '/api/signals',
  '/api/signals/history',
] as const;

const FLOW = /^\/api\/flows\/[^/]+$/;

/** True where a call of the admin API may be passed on. */
export function isPassedOn(method: string, pathname: string): boolean {
  return method === 'GET' && (PASSED_ON.some((known) => known === pathname) || FLOW.test(pathname));
}
