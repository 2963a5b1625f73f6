import { once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import type { TestContext } from 'node:test';
import { portOf } from '../../net/testing/port-of.ts';

/** A server of Node's on loopback until the test is over; gives its port. */
export async function loopbackServer(t: TestContext, listener: RequestListener): Promise<number> {
  const server = http.createServer({ keepAliveTimeout: 0 }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return portOf(server);
}
