import { type AdminEndpoint, text } from '../endpoint.ts';

/** `/ready`: 200 once the first configuration is in force and until the proxy drains, else 503; the state as text. */
export const ready: AdminEndpoint = {
  path: '/ready',
  method: 'GET',
  help: 'print server state, return 200 if LIVE, otherwise return 503',
  handle(_query, proxy) {
    const state = proxy.state();
    return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
  },
};
