/** Peak EWMA in a whole proxy: what responses come to reaches the policy, and a host that fails fast is left alone. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { test, type TestContext } from 'node:test';
import { ask } from '../../src/cli/demo/client.ts';
import { cluster, httpListener, serve, startStaticProxy, typed } from './static-proxy.ts';

/** A server that counts what it answers with `status`. */
async function answering(t: TestContext, status: number): Promise<{ port: number; count: () => number }> {
  let count = 0;
  const server = http.createServer({ keepAliveTimeout: 0 }, (_, response) => {
    count++;
    response.writeHead(status).end();
  });
  return { port: await serve(t, server), count: () => count };
}

test('a host that fails fast is left alone by peak EWMA', async (t) => {
  const [good, bad] = [await answering(t, 200), await answering(t, 503)];
  const config = typed('envoy.extensions.load_balancing_policies.peak_ewma.v3alpha.PeakEwma', { decay_time: '600s' });
  const policies = [{ typed_extension_config: { name: 'peak_ewma', typed_config: config } }];
  const proxy = await startStaticProxy(t, () => ({
    listeners: [httpListener('in', 'app')],
    clusters: [cluster('app', [good.port, bad.port], { load_balancing_policy: { policies } })],
  }));
  const port = await proxy.port('in');
  for (let i = 0; i < 60; i++) await ask({ port }, '/');
  assert.equal(good.count() + bad.count(), 60);
  // it fails once at most; taken for quick, it would get half or more
  assert.ok(bad.count() <= 1, `it has got ${bad.count()}`);
});
