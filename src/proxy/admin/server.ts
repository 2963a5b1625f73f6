/**
 * The admin interface: Envoy's endpoints over HTTP, for people and tools of the same machine. It listens on loopback or
 * a Unix socket only: whoever reaches it can read the configuration and end the process.
 */
import { rmSync } from 'node:fs';
import type net from 'node:net';
import { isIP } from 'node:net';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { NetAddress } from '../../net/address.ts';
import { descriptorOf } from '../../net/socket-handle.ts';
import type { Http1Request } from '../../wire/http1/head.ts';
import { type Listening, type ListenSockets, socketKey } from '../listener/listen-sockets.ts';
import { adoptSocket, openServer } from '../listener/open-server.ts';
import { type AdminAnswer, text } from './endpoint.ts';
import { endpoints } from './endpoints.ts';
import { helpPage, homePage } from './home.ts';
import { createHttpServer } from './http-server.ts';
import type { AdminView } from './view.ts';

export type { AdminView, ConfigResource } from './view.ts';

export interface AdminOptions {
  /** Loopback address and port (0: any), or the path of a Unix socket. */
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly proxy: AdminView;
  /** Where its listening socket comes from. */
  readonly sockets: ListenSockets;
}

export interface AdminServer {
  /** Where it listens, with the port that the kernel gave. */
  readonly address: NetAddress;
  close(): Promise<void>;
}

const byPath = new Map(endpoints.map((endpoint) => [endpoint.path, endpoint]));

/** Answers one request: `target` is path and query as on the request line. Pure but for what the endpoint does. */
export function answerAdmin(method: string, target: string, proxy: AdminView, accept = ''): AdminAnswer {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  if (path === '/' || path === '/help') return path === '/' ? homePage(endpoints) : helpPage(endpoints);
  const endpoint = byPath.get(path);
  if (endpoint === undefined) return { ...helpPage(endpoints), status: 404 };
  if (endpoint.method === 'POST' && method !== 'POST') return text(`Method ${method} not allowed, POST required.\n`, 405);
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') return text(`Method ${method} not allowed.\n`, 405);
  try {
    return endpoint.handle(new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1)), proxy, accept);
  } catch (error) {
    proxy.log.error('admin endpoint failed', { path, cause: messageOf(error) });
    return text(`${messageOf(error)}\n`, 500);
  }
}

/** True for a request that a page of another site makes a browser send. */
function isForeign(request: Http1Request): boolean {
  const origin = request.headers.get('origin');
  if (origin !== undefined && origin !== `http://${request.authority}`) return true;
  // a name that somebody else's DNS points at us; clients of the machine use an address or localhost
  const name = request.authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name !== '' && name !== 'localhost' && isIP(name) === 0;
}

function answer(request: Http1Request, options: AdminOptions): AdminAnswer | Promise<AdminAnswer> {
  if ('host' in options.address && isForeign(request)) return text('requests of other sites are not answered\n', 403);
  const { proxy } = options;
  const answerNow = (): AdminAnswer => answerAdmin(request.method, request.path, proxy, request.headers.get('accept'));
  return proxy.refresh === undefined ? answerNow() : proxy.refresh().then(answerNow);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Starts the admin interface; rejects where the address is not local or cannot be bound. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { address } = options;
  if ('host' in address && !isLoopback(address.host)) {
    throw new ConfigError('admin.address', `${address.host} is not a loopback address; the admin interface is for its machine only`);
  }
  const { server, close } = createHttpServer((request) => answer(request, options));
  const wanted = 'path' in address ? { host: address.path, port: 0 } : address;
  const { sockets } = options;
  const bound = await listenAt(server, wanted, sockets);
  return {
    address: bound.bound,
    async close() {
      if ('path' in address && sockets.ownsFiles) rmSync(address.path, { force: true });
      sockets.closed(bound);
      await close();
    },
  };
}

const BACKLOG = 511;

/** Makes a server listen, on a socket of its own or one that was passed on. */
async function listenAt(server: net.Server, wanted: NetAddress, sockets: ListenSockets): Promise<Listening> {
  const key = socketKey('admin', wanted);
  const source = await sockets.claim(key, wanted);
  const [passed] = source.kind === 'inherit' ? source.descriptors : [];
  if (passed === undefined) await openServer(server, wanted, { backlog: BACKLOG, isDualStack: false, isShared: false });
  else await adoptSocket(server, passed, BACKLOG);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? { host: address.address, port: address.port } : wanted;
  const fd = descriptorOf(server);
  const listening: Listening = { key, bound, descriptors: fd === undefined ? [] : [fd] };
  sockets.opened(listening);
  return listening;
}
