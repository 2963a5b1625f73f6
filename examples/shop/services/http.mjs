/** What the shop's services share: a server from a handler, and a JSON call. Nothing here knows of a mesh. */
import { Agent, createServer, request } from 'node:http';

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
  const server = createServer((asked, response) => {
    const headers = Object.fromEntries(Object.entries(asked.headers).map(([name, value]) => [name, String(value)]));
    const answer = async () => handle(asked.method ?? 'GET', new URL(asked.url ?? '/', 'http://shop'), headers);
    asked.resume();
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

/** The mesh's proxy, where there is no interception. */
const PROXY = process.env['HTTP_PROXY'] ? new URL(process.env['HTTP_PROXY']) : undefined;
/** One of our own: Node's looks for the proxy itself, but only from version 24 on. */
const agent = new Agent({ keepAlive: true });

/**
 * What a URL answers.
 *
 * @param {URL} url
 * @param {string} method
 * @param {Record<string, string>} headers
 * @returns {Promise<{ status: number, text: string }>}
 */
function ask(url, method, headers) {
  const { hostname, port } = PROXY ?? url;
  const path = PROXY === undefined ? `${url.pathname}${url.search}` : url.href;
  return new Promise((resolve, reject) => {
    const asked = request({ agent, hostname, port, path, method, headers: { ...headers, host: url.host } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
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
  const { status, text } = await ask(new URL(url), method, headers);
  try {
    return { status, body: JSON.parse(text) };
  } catch {
    return { status, body: text };
  }
}
