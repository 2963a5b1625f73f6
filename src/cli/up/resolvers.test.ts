import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { portOf } from '../../net/testing/port-of.ts';
import { silentLog } from '../../core/log.ts';
import { chooseResolvers, passOnNames } from './resolvers.ts';

const STUB = 'nameserver 127.0.0.53\nsearch lan\n';

const CASES = [
  {
    name: 'servers on other machines',
    texts: ['nameserver 10.0.0.1\nnameserver 127.0.0.1\nsearch lan'],
    want: { nameservers: ['10.0.0.1'], searchDomains: ['lan'], stubs: [] },
  },
  {
    name: "a stub, and the list of the stub's servers",
    texts: [STUB, 'nameserver 10.0.0.2\nsearch home'],
    want: { nameservers: ['10.0.0.2'], searchDomains: ['home'], stubs: [] },
  },
  { name: 'a stub alone', texts: [STUB, undefined], want: { nameservers: [], searchDomains: ['lan'], stubs: ['127.0.0.53'] } },
  {
    name: 'a stub that asks itself',
    texts: [STUB, 'nameserver ::1'],
    want: { nameservers: [], searchDomains: ['lan'], stubs: ['127.0.0.53'] },
  },
  { name: 'no file at all', texts: [undefined, undefined], want: { nameservers: [], searchDomains: [], stubs: [] } },
];

for (const { name, texts, want } of CASES) test(`resolvers: ${name}`, () => assert.deepEqual(chooseResolvers(texts), want));

test('where something answers names already, nothing is passed on', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const port = portOf(other);
  assert.equal(await passOnNames('127.0.0.1', [], silentLog, port), undefined);
});
