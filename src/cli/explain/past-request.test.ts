import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { buildMesh } from '../../compile/dialects/build-mesh.ts';
import { flowOf, requestOf } from '../../model/testing/flow.ts';
import { passageOfFlow } from './kept-passages.ts';
import { passageOf } from './log-line.ts';
import { askedOfPast, findRequest, sentBy } from './past-request.ts';
import type { World } from './world.ts';

const ID = '40fe9504-77b8-455e-9dd7-0c31744cd4c2';
const TEXT = `[2026-11-21T21:55:59.449Z] "GET /products/1?x=1 HTTP/1.1" 503 UF via_upstream - "-" 0 91 3 2 "-" "curl/8" "${ID}" "catalog:9080" "127.0.0.1:9080" outbound|9080||catalog.shop.svc.cluster.local - 10.0.0.1:9080 10.0.0.2:1234 - default`;
const json = (more: object): string =>
  JSON.stringify({ request_id: ID, method: 'GET', path: '/a', authority: 'b', response_code: 200, start_time: '2', ...more });

test("lines of Istio's text and of JSON are read alike", () => {
  assert.deepEqual(passageOf(TEXT, ID, 'web-0.shop'), {
    proxy: 'web-0.shop',
    requestId: ID,
    startTime: '2026-11-21T21:55:59.449Z',
    method: 'GET',
    path: '/products/1?x=1',
    authority: 'catalog:9080',
    status: '503',
    flags: 'UF',
    details: 'via_upstream',
    durationMs: '3',
    cluster: 'outbound|9080||catalog.shop.svc.cluster.local',
    host: '127.0.0.1:9080',
    userAgent: 'curl/8',
    route: 'default',
  });
  assert.equal(passageOf(json({ upstream_cluster: null, response_flags: '-' }), ID, 'a')?.status, '200');
  assert.equal(passageOf(TEXT.replace('-455e-', '-955e-'), ID, 'a')?.status, '503', 'traced');
  for (const other of [`app says ${ID}`, `{ "half": "${ID}"`, json({ request_id: 'other' }), TEXT.replace(ID, 'x'), '']) {
    assert.equal(passageOf(other, ID, 'a'), undefined, other);
  }
});

test('the lines of all logs are put in order, and asked from who sent it', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-logs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), `noise\n${text}\n`);
    return path.join(folder, name);
  };
  const files = [
    write('catalog-0.shop.log', json({ start_time: '1', upstream_cluster: 'inbound|9080||' })),
    write('web-1.shop.log', json({ start_time: '1', upstream_cluster: 'outbound|9080||catalog', user_agent: 'curl' })),
    write('other-0.shop.log', ''),
  ];
  const found = await findRequest(files, ID);
  assert.deepEqual(
    found.map(({ proxy }) => proxy),
    ['web-1.shop', 'catalog-0.shop'],
  );
  const world: World = { members: [], mesh: buildMesh([], []).mesh };
  const asked = askedOfPast(found, world, [['x-canary', 'true']]);
  assert.deepEqual(asked.from, { namespace: 'shop', name: 'web' });
  assert.deepEqual(asked.headers, [
    ['user-agent', 'curl'],
    ['x-canary', 'true'],
  ]);
  assert.equal(sentBy(found, { namespace: undefined, name: 'web' })[0]?.proxy, 'web-1.shop');
  assert.throws(() => sentBy(found, { namespace: 'shop', name: 'catalog' }), /catalog has not sent the request on/);
  assert.equal(askedOfPast(found.slice(1), world, []).from, 'outside');
  await assert.rejects(findRequest(files, 'nobody'), /no access log and no flow record has a request nobody/);
  assert.throws(() => askedOfPast([], world, []), /does not say what the request was/);
});

test('flow records tell of proxies that left no line', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tulle-logs-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'web-0.shop.log');
  writeFileSync(file, `${TEXT}\n`);
  const flow = (proxy: string, cluster: string, status: number) =>
    passageOfFlow(
      flowOf({ id: ID, proxy: `sidecar~10.0.0.1~${proxy}~shop.svc.cluster.local`, cluster, flags: ['UF'], request: requestOf({ status }) }),
    );
  const kept = [flow('web-0.shop', 'outbound|9080||catalog', 500), flow('catalog-0.shop', 'inbound|9080||', 501)].flatMap(
    (each) => each ?? [],
  );
  const found = await findRequest([file], ID, kept);
  assert.deepEqual(
    found.map(({ proxy, status, flags }) => `${proxy} ${status} ${flags}`).toSorted(),
    ['catalog-0.shop 501 UF', 'web-0.shop 503 UF'],
    'a line says more than a record',
  );
  const { request: _, ...tcp } = flowOf();
  assert.equal(passageOfFlow(tcp), undefined);
});
