/** Flows from a proxy's stream to the admin API, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { isObject } from '../../core/object.ts';
import { type ControlPlane, startControlPlane } from '../main.ts';
import { lineCompiler } from '../testing/line-compiler.ts';
import { type Sending, sendEntries, WEB_NODE } from './testing/send-entries.ts';

async function setUp(t: TestContext): Promise<ControlPlane> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  await writeFile(path.join(folder, 'mesh.yaml'), 'cluster a 1\n');
  const plane = await startControlPlane({ folder, stateDir: path.join(folder, '.tulle'), compiler: lineCompiler, log: silentLog });
  t.after(async () => {
    await plane.close();
    await rm(folder, { recursive: true });
  });
  return plane;
}

async function open(socketPath: string, url: string, method = 'GET', body?: object): Promise<http.IncomingMessage> {
  const request = http.request({ socketPath, path: url, method, agent: false });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const [response]: http.IncomingMessage[] = await once(request, 'response');
  assert.ok(response);
  return response;
}

async function call(socketPath: string, url: string, method = 'GET', body?: object): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of await open(socketPath, url, method, body)) text += String(chunk);
  return JSON.parse(text);
}

function entriesOf(...ids: readonly string[]): NonNullable<Sending['entries']> {
  const logEntry = ids.map((requestId) => ({ commonProperties: {}, request: { requestId }, response: { responseCode: 200 } }));
  return { case: 'httpLogs', value: { logEntry } };
}

function idsIn({ flows }: Record<string, unknown>): unknown[] {
  assert.ok(Array.isArray(flows));
  return flows.map((flow) => (isObject(flow) ? flow['id'] : undefined));
}

test('what a proxy sends is kept and told', async (t) => {
  const { xdsSocket: socket, adminSocket } = await setUp(t);
  const node = { ...WEB_NODE, metadata: { ...WEB_NODE.metadata, TULLE: { lostFlows: 7 } } };
  assert.equal(await sendEntries({ socket, node, entries: entriesOf('a', 'b') }), '0');
  const answer = await call(adminSocket, '/api/flows?since=1m');
  assert.deepEqual(idsIn(answer), ['a', 'b']);
  assert.deepEqual(answer['lost'], { byProxies: 7, unreadable: 0, aged: 0 });
  assert.deepEqual(idsIn(await call(adminSocket, '/api/flows/b')), ['b']);
  assert.deepEqual(idsIn(await call(adminSocket, '/api/flows?verdict=denied')), []);
  const { error } = await call(adminSocket, '/api/flows?verdict=no');
  assert.match(String(error), /"verdict" must be one of/);
  let metrics = '';
  for await (const chunk of await open(adminSocket, '/metrics')) metrics += String(chunk);
  assert.match(metrics, /tulle_flows\{verdict="forwarded"\} 2\n/);
});

test('an entry that says nothing is counted', async (t) => {
  const { xdsSocket: socket, adminSocket } = await setUp(t);
  await sendEntries({ socket, node: WEB_NODE, entries: { case: 'tcpLogs', value: { logEntry: [{}] } } });
  const { lost } = await call(adminSocket, '/api/flows');
  assert.deepEqual(lost, { byProxies: 0, unreadable: 1, aged: 0 });
});

test('who watches gets what comes, filtered', async (t) => {
  const { xdsSocket: socket, adminSocket } = await setUp(t);
  const response = await open(adminSocket, '/api/flows?watch=true&id=b');
  await sendEntries({ socket, node: WEB_NODE, entries: entriesOf('a', 'b', 'c') });
  const [line]: Buffer[] = await once(response, 'data');
  assert.equal(JSON.parse(String(line)).id, 'b');
  response.destroy();
});

test('a tap says first who can tell anything', async (t) => {
  const { adminSocket } = await setUp(t);
  const response = await open(adminSocket, '/api/flows?watch=true&tap=true&workload=*/nobody');
  const [line]: Buffer[] = await once(response, 'data');
  assert.deepEqual(JSON.parse(String(line)), { concerned: 0, tellers: 0 });
  response.destroy();
});

test('a reader that does not read loses lines, and is told how many', async (t) => {
  const { xdsSocket: socket, adminSocket } = await setUp(t);
  const response = await open(adminSocket, '/api/flows?watch=true');
  const ids = Array.from({ length: 2000 }, (_, i) => `${i}`);
  for (let i = 0; i < 4; i++) assert.equal(await sendEntries({ socket, node: WEB_NODE, entries: entriesOf(...ids) }), '0');
  let flows = 0;
  let lost = 0;
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const value: Record<string, unknown> = JSON.parse(line);
      if (typeof value['lost'] === 'number') lost += value['lost'];
      else flows++;
    }
    if (flows + lost >= 8000) break;
  }
  assert.equal(flows + lost, 8000);
  assert.ok(lost > 0, 'a reader that sleeps costs no memory');
});

const REFUSED: readonly (readonly [name: string, sending: Partial<Sending>, status: RegExp])[] = [
  ['without a node', {}, /^3 the first message of a stream must carry the node/],
  ['another log', { node: WEB_NODE, logName: 'other' }, /^3 only the log tulle\.flows is taken here, not other/],
  ['an id that is none', { node: { id: 'me' } }, /^3 node\.id: "me" is not of the form/],
  ['no message', { bytes: Buffer.from('nonsense') }, /^3 not a StreamAccessLogsMessage/],
  ['a token that is none', { node: WEB_NODE, token: 'x' }, /^16 /],
];

for (const [name, sending, status] of REFUSED) {
  test(`refused: ${name}`, async (t) => {
    const { xdsSocket: socket } = await setUp(t);
    assert.match(await sendEntries({ socket, ...sending }), status);
  });
}

test('a token has to be of whom the node says', async (t) => {
  const { xdsSocket: socket, adminSocket } = await setUp(t);
  const tokenOf = async (serviceAccount: string): Promise<string> => {
    const { token } = await call(adminSocket, '/api/tokens', 'POST', { namespace: 'shop', serviceAccount });
    return String(token);
  };
  const entries = entriesOf('a');
  assert.match(await sendEntries({ socket, token: await tokenOf('other'), node: WEB_NODE, entries }), /^7 the node says shop\/web/);
  assert.equal(await sendEntries({ socket, token: await tokenOf('web'), node: WEB_NODE, entries }), '0');
  assert.deepEqual(idsIn(await call(adminSocket, '/api/flows')), ['a']);
});
