/** What the shop's services share: a server from a handler, and a JSON call. Nothing here knows of a mesh. */
import { createServer } from 'node:http';

/**
 * @typedef {object} Answer
 * @property {number} [status] 200 where absent
 * @property {Record<string, string>} [headers]
 * @property {unknown} body sent as JSON
 */

/**
 * Serves `handle` on $PORT (or `port`) of the loopback address or of all addresses of this host.
 *
 * @param {number} port
 * @param {(method: string, url: URL, headers: Record<string, string>) => Answer | Promise<Answer>} handle
 */
export function serve(port, handle) {
  const server = createServer((request, response) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const answer = async () => handle(request.method ?? 'GET', new URL(request.url ?? '/', 'http://shop'), headers);
    request.resume();
    answer()
      .catch((error) => ({ status: 500, body: { error: String(error) } }))
      .then(({ status = 200, headers: extra = {}, body }) => {
        response.writeHead(status, { 'content-type': 'application/json', ...extra });
        response.end(`${JSON.stringify(body)}\n`);
      })
      .catch(() => response.destroy());
  });
  server.listen(Number(process.env['PORT'] ?? port), process.env['HOST'] ?? '0.0.0.0');
  process.on('SIGTERM', () => server.close(() => process.exit(0)));
}

/**
 * Calls another service; trace headers of the request at hand go along, as every mesh asks of applications.
 *
 * @param {string} url
 * @param {Record<string, string>} incoming headers of the request at hand
 * @returns {Promise<{ status: number, body: unknown }>}
 */
export async function call(url, incoming, method = 'GET') {
  const headers = {};
  for (const name of ['traceparent', 'tracestate', 'x-request-id', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-canary']) {
    const value = incoming[name];
    if (value !== undefined) headers[name] = value;
  }
  const response = await fetch(url, { method, headers });
  const text = await response.text();
  try {
    return { status: response.status, body: JSON.parse(text) };
  } catch {
    return { status: response.status, body: text };
  }
}
