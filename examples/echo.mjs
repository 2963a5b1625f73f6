/** A service that says who it is and what it was asked; the examples' stand-in for any application. `/fail` answers 500. */
import { createServer } from 'node:http';

const name = process.env['NAME'] ?? 'echo';
const version = process.env['VERSION'] ?? 'v1';
let answered = 0;

createServer((request, response) => {
  request.resume();
  const failing = request.url === '/fail' || process.env['FAILING'] === '1';
  const status = request.url === '/healthz' ? 200 : failing ? 500 : 200;
  answered++;
  const delayMs = Number(request.headers['x-delay-ms'] ?? 0);
  setTimeout(() => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ name, version, answered, method: request.method, path: request.url, headers: request.headers }));
  }, delayMs);
}).listen(Number(process.env['PORT'] ?? 8080), process.env['HOST'] ?? '0.0.0.0');
