import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readStats, readTraffic } from './traffic.ts';

const STATS = `http.admin.downstream_rq_completed: 99
http.inbound_0.0.0.0_8080.downstream_rq_5xx: 2
http.inbound_0.0.0.0_8080.downstream_rq_completed: 10
http.outbound_0.0.0.0_80.downstream_rq_completed: 5
http.outbound_0.0.0.0_80.no_route: 1
http.inbound_0.0.0.0_8080.rbac.denied: 3
cluster.x.upstream_rq_5xx: 7
`;

test('requests and failures are summed over HTTP connection managers, without those of the admin interface', () => {
  assert.deepEqual(readStats(STATS), { requests: 15, failed: 6 });
});

test('a proxy is asked by its folder; who is not there, or has a name that leads elsewhere, is not watched', async (t) => {
  const stateDir = await mkdtemp(path.join(os.tmpdir(), 'tulle-traffic-'));
  await mkdir(path.join(stateDir, 'proxies', 'web-0.shop'), { recursive: true });
  let status = 200;
  const server = http.createServer((request, response) => {
    response.writeHead(status).end(request.url?.startsWith('/stats?filter=') === true ? STATS : '');
  });
  const listening = Promise.withResolvers<void>();
  server.listen(path.join(stateDir, 'proxies', 'web-0.shop', 'admin.sock'), listening.resolve);
  await listening.promise;
  t.after(async () => {
    server.close();
    await rm(stateDir, { recursive: true });
  });
  assert.deepEqual(await readTraffic(stateDir, 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local'), { requests: 15, failed: 6 });
  status = 503;
  assert.equal(await readTraffic(stateDir, 'sidecar~10.0.0.1~web-0.shop~shop.svc.cluster.local'), undefined);
  assert.equal(await readTraffic(stateDir, 'sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local'), undefined);
  assert.equal(await readTraffic(stateDir, 'sidecar~10.0.0.1~../web-0.shop~shop.svc.cluster.local'), undefined);
});
