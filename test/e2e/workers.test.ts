/** Several event loops in one proxy: `tulle proxy --concurrency`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import { eventually } from '../../src/core/testing/eventually.ts';
import { ask } from '../../src/cli/demo/client.ts';
import { ClusterSchema } from '../../src/xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ListenerSchema } from '../../src/xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/xds/gen/envoy/config/route/v3/route_pb.ts';
import { adsResources, FROM_ADS, routesAll, type Said, said, startForeignServer } from './foreign-xds.ts';
import { createGenerations } from './generations.ts';
import { loadHttp1 } from './restart-load.ts';
import { cluster, httpListener, serve, typed, wholeFile } from './static-proxy.ts';

const web = await serve(
  wholeFile(),
  http.createServer({ keepAliveTimeout: 0 }, (_request, response) => response.end('hello')),
);

function accessLog(file: string): JsonObject {
  const json_format = { path: '%REQ(:PATH)%', filler: 'x'.repeat(200), status: '%RESPONSE_CODE%' };
  return {
    name: 'log',
    typed_config: typed('envoy.extensions.access_loggers.file.v3.FileAccessLog', { path: file, log_format: { json_format } }),
  };
}

function resources(file: string): JsonObject {
  return {
    listeners: [httpListener('web', 'web', { manager: { access_log: [accessLog(file)] } })],
    clusters: [cluster('web', web)],
  };
}

/** Where a link points; '' where it is gone meanwhile. */
function linkOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}

/** Connections that each loop has taken. */
async function taken(admin: (target: string) => Promise<string>): Promise<number[]> {
  const text = await admin('/stats?filter=worker_.*downstream_cx_total');
  return [...text.matchAll(/worker_\d+\.downstream_cx_total: (\d+)/g)].map(([, count]) => Number(count));
}

test('loops share a listener; statistics and access logs are those of one proxy', { timeout: 180_000 }, async (t) => {
  const generations = createGenerations(t, (folder) => resources(path.join(folder, 'access.log')));
  const proxy = generations.start('--concurrency', '2', '--drain-time-s', '1');
  await proxy.live();
  const port = await generations.port('web');
  const result = await loadHttp1(port, 4000, 64, true);
  assert.deepEqual(result, { answered: 4000, failures: [] });
  assert.equal(await generations.stat('server.concurrency'), 2);
  assert.equal(await generations.stat('http.web.downstream_rq_completed'), 4000);
  assert.equal(await generations.stat('cluster.web.upstream_rq_total'), 4000);
  const each = await taken(generations.admin);
  assert.equal(each.length, 2);
  assert.ok(
    each.every((count) => count > 0),
    `connections by loop: ${each.join(' ')}`,
  );
  assert.match(await generations.admin('/clusters'), /^web::127\.0\.0\.1:\d+::rq_total::4000$/m);
  assert.match(await generations.admin('/stats/prometheus'), /^envoy_cluster_upstream_rq_total\{envoy_cluster_name="web"\} 4000$/m);
  assert.match(await generations.admin('/config_dump'), /"web"/);
  proxy.kill('SIGTERM');
  assert.equal(await proxy.ended, 0);
  const lines = readFileSync(path.join(generations.folder, 'access.log'), 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, 4000);
  for (const line of lines) assert.deepEqual(JSON.parse(line), { path: '/x', filler: 'x'.repeat(200), status: 200 });
});

test('SIGUSR1 opens access logs anew in every loop, and no debugger', { timeout: 180_000 }, async (t) => {
  const generations = createGenerations(t, (folder) => resources(path.join(folder, 'access.log')));
  const proxy = generations.start('--concurrency', '2', '--drain-time-s', '1');
  await proxy.live();
  const port = await generations.port('web');
  const file = path.join(generations.folder, 'access.log');
  const linesOf = (name: string): number => (existsSync(name) ? readFileSync(name, 'utf8').split('\n').length - 1 : 0);
  await loadHttp1(port, 400, 64, true);
  await eventually(
    () => linesOf(file) === 400 || undefined,
    () => `400 lines, not ${linesOf(file)}`,
  );
  renameSync(file, `${file}.1`);
  proxy.kill('SIGUSR1');
  await eventually(
    () => existsSync(file) || undefined,
    () => `a new file\n${proxy.log()}`,
  );
  // each loop opens the file by itself
  await eventually(
    () => readdirSync(`/proc/${proxy.pid}/fd`).every((fd) => linkOf(`/proc/${proxy.pid}/fd/${fd}`) !== `${file}.1`) || undefined,
    () => 'the file that was moved away is closed',
  );
  await loadHttp1(port, 400, 64, true);
  proxy.kill('SIGTERM');
  assert.equal(await proxy.ended, 0);
  assert.deepEqual([linesOf(`${file}.1`), linesOf(file)], [400, 400]);
  assert.doesNotMatch(proxy.log(), /Debugger listening/);
});

test('a loop that dies is replaced, and what it counted stays counted', { timeout: 180_000 }, async (t) => {
  process.env['TULLE_FAULTS'] = '1';
  t.after(() => delete process.env['TULLE_FAULTS']);
  const generations = createGenerations(t, () => resources('/dev/null'));
  const proxy = generations.start('--concurrency', '2', '--drain-time-s', '1');
  await proxy.live();
  const port = await generations.port('web');
  const agents = Array.from({ length: 16 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  t.after(() => {
    for (const agent of agents) agent.destroy();
  });
  const askAll = () =>
    Promise.allSettled(
      agents.map(async (agent) => {
        const request = http.get({ host: '127.0.0.1', port, path: '/x', agent });
        const [response] = (await once(request, 'response')) as [http.IncomingMessage];
        await once(response.resume(), 'end');
      }),
    );
  await askAll();
  const before = await taken(generations.admin);
  await generations.admin('/crash_loop?loop=1', 'POST');
  await eventually(() => /an event loop has died and is replaced loop=1 error="told to crash"/.test(proxy.log()) || undefined, proxy.log);
  const failed = (await askAll()).filter(({ status }) => status === 'rejected').length;
  assert.ok(failed <= (before[1] ?? 0), 'only connections of the loop that died are lost');
  assert.equal(await generations.stat('server.worker_deaths'), 1);
  // the other one takes part again
  await eventually(() => (proxy.log().match(/listener started/g)?.length === 3 ? true : undefined), proxy.log);
  const since = (await taken(generations.admin))[0] ?? 0;
  assert.deepEqual((await loadHttp1(port, 500, 50, false)).failures, []);
  const [ofMain = 0] = await taken(generations.admin);
  assert.ok(ofMain - since < 500, 'the new loop has connections');
  assert.ok((await generations.stat('http.web.downstream_rq_completed')) >= 516 - failed);
});

test('loops are changed, and a proxy of two by one of three, under load', { timeout: 180_000 }, async (t) => {
  const generations = createGenerations(t, () => resources('/dev/null'));
  const one = generations.start('--drain-time-s', '3');
  await one.live();
  const port = await generations.port('web');
  const load = Promise.all([loadHttp1(port, 8000, 32, true), loadHttp1(port, 1500, 8, false)]);
  const two = generations.start('--restart', '--concurrency', '2', '--drain-time-s', '3');
  await two.live();
  const three = generations.start('--restart', '--concurrency', '3', '--drain-time-s', '3');
  await three.live();
  const four = generations.start('--restart', '--drain-time-s', '3');
  await four.live();
  assert.deepEqual(
    (await load).map(({ failures }) => failures.slice(0, 3)),
    [[], []],
  );
  assert.deepEqual(await Promise.all([one.ended, two.ended, three.ended]), [0, 0, 0]);
  assert.equal(await generations.stat('http.web.downstream_rq_completed'), 9500);
});

function marked(mark: string): Said {
  const rds = { route_config_name: 'all', config_source: FROM_ADS };
  return said(
    [ListenerSchema, httpListener('front', 'app', { manager: { rds } })],
    [RouteConfigurationSchema, routesAll({ direct_response: { status: 200, body: { inline_string: mark } } })],
    [ClusterSchema, cluster('app', web)],
  );
}

test('every loop obeys what comes by ADS, the one that takes the place of a dead one too', { timeout: 180_000 }, async (t) => {
  process.env['TULLE_FAULTS'] = '1';
  t.after(() => delete process.env['TULLE_FAULTS']);
  const server = await startForeignServer(t, marked('one'));
  const generations = createGenerations(t, () => ({ clusters: [cluster('xds', server.port)] }), {
    dynamic_resources: adsResources('DELTA_GRPC'),
  });
  const proxy = generations.start('--concurrency', '2', '--drain-time-s', '1');
  await proxy.live();
  const port = await generations.port('front');
  const answers = async (): Promise<string> => {
    const all = await Promise.all(Array.from({ length: 24 }, () => ask({ port }, '/', { headers: { connection: 'close' } })));
    return [...new Set(all.map(({ text }) => text))].join(' ');
  };
  assert.equal(await answers(), 'one');
  server.say(marked('two'));
  await eventually(async () => (await answers()) === 'two' || undefined, proxy.log);
  await generations.admin('/crash_loop?loop=1', 'POST');
  await eventually(() => (proxy.log().match(/listener started listener=front/g)?.length === 3 ? true : undefined), proxy.log);
  assert.equal(await answers(), 'two');
  server.say(marked('three'));
  await eventually(async () => (await answers()) === 'three' || undefined, proxy.log);

  // a successor asks for everything anew, and takes over when it has come
  const load = loadHttp1(port, 3000, 16, true);
  const successor = generations.start('--restart', '--concurrency', '2', '--drain-time-s', '1');
  await successor.live();
  assert.deepEqual((await load).failures, []);
  assert.equal(await proxy.ended, 0);
  assert.equal(await answers(), 'three');
  server.say(marked('four'));
  await eventually(async () => (await answers()) === 'four' || undefined, successor.log);
});
