/**
 * The dashboard's own listener: the built page, and JSON for it. It reads and changes nothing. Every answer carries the
 * headers of `headers.ts`; who may ask is decided in `access.ts` before anything else.
 */
import http from 'node:http';
import https from 'node:https';
import { messageOf, ProtocolError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { readText } from '../admin/exchange.ts';
import { createGate, type Gate } from './access.ts';
import type { DashboardAddress } from './address.ts';
import { type Assets, openAssets } from './assets.ts';
import type { Answer } from './calls.ts';
import { SECURITY_HEADERS } from './headers.ts';

/** Certificate chain and key, PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What the dashboard serves, where, and to whom. */
export interface DashboardOptions {
  readonly at: DashboardAddress;
  /** The folder of the built page. */
  readonly assets: string;
  readonly token: string | undefined;
  /** Undefined: plain HTTP. */
  readonly tls: ServerCertificate | undefined;
  readonly answer: Answer;
  readonly log: Log;
}

/** A dashboard that is served. */
export interface Dashboard {
  /** With the port that was bound. */
  readonly url: string;
  readonly asksForToken: boolean;
  /** Shows another certificate from now on; connections that are open keep theirs. */
  renew(tls: ServerCertificate): void;
  close(): Promise<void>;
}

interface Context {
  readonly gate: Gate;
  readonly assets: Assets;
  readonly answer: Answer;
  readonly log: Log;
}

const LOGIN_BYTES_MAX = 1024;
/** How long a wrong token waits for its answer: guessing is slow. */
const WRONG_TOKEN_MS = 500;
/** People who look at one mesh at once, with a few connections each. */
const CONNECTIONS_MAX = 256;
const TLS_VERSION_MIN = 'TLSv1.2';
const NOT_BUILT = 'The dashboard is not built. In a clone of the sources, npm run build does it.\n';

function reply(response: http.ServerResponse, status: number, value: object): void {
  response.writeHead(status, { ...SECURITY_HEADERS, 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(value)}\n`);
}

/** Answers what could not be answered; an answer that is under way can only be broken off. */
function refuse({ log }: Context, request: http.IncomingMessage, response: http.ServerResponse, error: unknown): void {
  if (!(error instanceof ProtocolError)) log.error('a call of the dashboard failed', { path: request.url, error: messageOf(error) });
  if (response.headersSent) response.destroy();
  else reply(response, error instanceof ProtocolError ? error.status : 500, { error: messageOf(error) });
}

/** The page that asks for the token, with the one to go to then. */
function loginPath(to: string): string {
  return to === '/' ? '/login' : `/login?to=${encodeURIComponent(to)}`;
}

/** Where who has logged in goes: within the dashboard, whatever a link to the login says. */
function wantedPath({ searchParams }: URL): string {
  const to = URL.parse(searchParams.get('to') ?? '/', 'http://dashboard');
  return to?.host === 'dashboard' && to.pathname.startsWith('/') && !to.pathname.startsWith('//') ? `${to.pathname}${to.search}` : '/';
}

async function logIn({ gate }: Context, url: URL, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const form = new URLSearchParams(await readText(request, LOGIN_BYTES_MAX));
  const to = wantedPath(url);
  const cookie = gate.login(form.get('token')?.trim() ?? '');
  if (cookie === undefined) await new Promise((resolve) => setTimeout(resolve, WRONG_TOKEN_MS));
  const headers = cookie === undefined ? { location: `${loginPath(to)}#wrong` } : { location: to, 'set-cookie': cookie };
  response.writeHead(303, { ...SECURITY_HEADERS, ...headers, 'cache-control': 'no-store' }).end();
}

async function answerCall({ answer }: Context, url: URL, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = url;
  if (request.method !== 'GET' && request.method !== 'POST') throw new ProtocolError('read_only', 405, 'the dashboard only reads');
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  response.setHeader('cache-control', 'no-store');
  const value = await answer({ request, response, method: request.method, pathname, query });
  if (value !== undefined) reply(response, 200, value);
}

/** The page and its files, which are in no folder; every other path is the page, which knows what it means. */
async function servePage({ assets }: Context, name: string, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const isFile = name.includes('.') && !name.includes('/');
  const file = name === 'login' ? 'login.html' : isFile ? name : 'index.html';
  const isServed = await assets.serve(file, request, response).catch(() => {
    response.writeHead(503, { ...SECURITY_HEADERS, 'content-type': 'text/plain' }).end(NOT_BUILT);
    return true;
  });
  if (!isServed) reply(response, 404, { error: `there is no ${file}` });
}

function isCall(pathname: string): boolean {
  return pathname.startsWith('/api/') || pathname === '/metrics' || pathname === '/version';
}

/** What may be had without a token: the page that asks for it, and what it is made of. */
function isOpen(pathname: string): boolean {
  return pathname === '/login' || pathname.startsWith('/login-') || pathname.startsWith('/icon-');
}

async function handle(context: Context, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const url = URL.parse(request.url ?? '', 'http://dashboard');
  if (url === null) return reply(response, 400, { error: 'the path cannot be read' });
  const { pathname } = url;
  const access = context.gate.check(request);
  if (access.kind === 'refused') return reply(response, 403, { error: access.reason });
  if (request.method === 'POST' && pathname === '/login') return logIn(context, url, request, response);
  if (access.kind === 'login' && !isOpen(pathname)) {
    if (isCall(pathname)) return reply(response, 401, { error: 'log in first, or send the token as a bearer' });
    response.writeHead(303, { ...SECURITY_HEADERS, location: loginPath(`${pathname}${url.search}`), 'cache-control': 'no-store' }).end();
    return undefined;
  }
  if (isCall(pathname)) return answerCall(context, url, request, response);
  if (request.method !== 'GET' && request.method !== 'HEAD') return reply(response, 405, { error: 'the dashboard only reads' });
  return servePage(context, pathname.slice(1), request, response);
}

function listenAt(server: http.Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

/** Takes the port, or a free one where it is taken and any will do. */
async function listen(server: http.Server, { host, port, isAnyPort }: DashboardAddress): Promise<void> {
  await listenAt(server, host, port).catch((error: unknown) => {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (!isAnyPort || !isTaken) throw error;
    return listenAt(server, host, 0);
  });
}

function urlOf(server: http.Server, scheme: string): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return '';
  const host = bound.address.includes(':') ? `[${bound.address}]` : bound.address;
  return `${scheme}://${bound.address === '::1' ? 'localhost' : host}:${bound.port}/`;
}

/** Serves the dashboard until closed. Rejects where its address cannot be taken. */
export async function serveDashboard(options: DashboardOptions): Promise<Dashboard> {
  const { at, tls, token, answer, log } = options;
  const gate = createGate(token, tls !== undefined);
  const context: Context = { gate, assets: openAssets(options.assets), answer, log };
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    void handle(context, request, response).catch((error: unknown) => refuse(context, request, response, error));
  };
  const server = tls === undefined ? http.createServer(onRequest) : https.createServer({ ...tls, minVersion: TLS_VERSION_MIN }, onRequest);
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, at);
  return {
    url: urlOf(server, tls === undefined ? 'http' : 'https'),
    asksForToken: gate.asksForToken,
    renew(next) {
      if (server instanceof https.Server) server.setSecureContext({ ...next, minVersion: TLS_VERSION_MIN });
    },
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
