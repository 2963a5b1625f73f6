/** Endpoints that only pass a wish on: health, drain, logs, end. */
import { type AdminEndpoint, text } from '../endpoint.ts';
import type { AdminView } from '../view.ts';

function action(path: string, help: string, act: (proxy: AdminView, query: URLSearchParams) => void): AdminEndpoint {
  return {
    path,
    method: 'POST',
    help,
    handle(query, proxy) {
      act(proxy, query);
      return text('OK\n');
    },
  };
}

export const healthcheckOk = action('/healthcheck/ok', 'cause the server to pass health checks', (proxy) => proxy.setHealth(true));

export const healthcheckFail = action('/healthcheck/fail', 'cause the server to fail health checks', (proxy) => proxy.setHealth(false));

export const drainListeners = action('/drain_listeners', 'drain listeners (?inboundonly, ?graceful)', (proxy, query) =>
  proxy.drainListeners({ isInboundOnly: query.has('inboundonly'), isGraceful: query.has('graceful') }),
);

export const hotRestart: AdminEndpoint = {
  path: '/hot_restart',
  method: 'POST',
  help: 'pass the listening sockets on to a successor (?socket=), see tulle proxy --restart',
  handle(query, proxy) {
    const socket = query.get('socket');
    const refusal = socket === null ? 'socket is missing' : proxy.handOver(socket);
    return refusal === undefined ? text('OK\n') : text(`${refusal}\n`, 400);
  },
};

/** For tests, with `TULLE_FAULTS=1`. */
export const crashLoop = action('/crash_loop', 'let an event loop die (?loop=)', (proxy, query) =>
  proxy.crashLoop(Number(query.get('loop'))),
);

export const reopenLogs = action('/reopen_logs', 'reopen access logs', (proxy) => proxy.reopenLogs());

export const quitquitquit = action('/quitquitquit', 'exit the server', (proxy) => proxy.quit());
