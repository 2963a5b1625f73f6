import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { createGate } from './access.ts';

const TOKEN = 'a-token-of-enough-length';

function requestWith(headers: Readonly<Record<string, string>>): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { headers: { ...headers } });
}

const LOOPBACK_CASES = [
  { name: 'loopback', headers: { host: '127.0.0.1:15080' }, kind: 'granted' },
  { name: 'its name, as through a tunnel with another port', headers: { host: 'localhost:8000' }, kind: 'granted' },
  { name: 'IPv6', headers: { host: '[::1]:15080' }, kind: 'granted' },
  { name: 'a name that resolves to loopback', headers: { host: 'rebound.example:15080' }, kind: 'refused' },
  { name: 'a name that begins like loopback', headers: { host: '127.0.0.1.evil.example' }, kind: 'refused' },
  { name: 'no host', headers: {}, kind: 'refused' },
  { name: 'its own page', headers: { host: 'localhost:1', origin: 'http://localhost:1' }, kind: 'granted' },
  { name: "another site's page", headers: { host: 'localhost:1', origin: 'https://evil.example' }, kind: 'refused' },
  { name: 'another port of this machine', headers: { host: 'localhost:1', origin: 'http://localhost:2' }, kind: 'refused' },
  { name: 'an origin that is none', headers: { host: 'localhost:1', origin: 'null' }, kind: 'refused' },
  {
    name: "another site's script",
    headers: { host: 'localhost:1', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' },
    kind: 'refused',
  },
  {
    name: 'the script of another port of this machine',
    headers: { host: 'localhost:1', 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' },
    kind: 'refused',
  },
  { name: 'its own script', headers: { host: 'localhost:1', 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, kind: 'granted' },
  {
    name: "another site's link",
    headers: { host: 'localhost:1', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    kind: 'granted',
  },
] as const;

for (const { name, headers, kind } of LOOPBACK_CASES) {
  test(`without a token: ${name} is ${kind}`, () => {
    assert.equal(createGate(undefined, false).check(requestWith(headers)).kind, kind);
  });
}

test('with a token: a bearer or a session, whatever the host', () => {
  const gate = createGate(TOKEN, true);
  const cookie = gate.login(TOKEN) ?? '';
  assert.match(cookie, /; HttpOnly; SameSite=Strict; Secure$/);
  const session = cookie.split(';')[0] ?? '';
  assert.equal(session.includes(TOKEN), false);
  const kindOf = (headers: Readonly<Record<string, string>>): string => gate.check(requestWith({ host: 'mesh.example', ...headers })).kind;
  assert.equal(kindOf({}), 'login');
  assert.equal(kindOf({ authorization: `Bearer ${TOKEN}` }), 'granted');
  assert.equal(kindOf({ authorization: 'Bearer another-token-of-length' }), 'login');
  assert.equal(kindOf({ cookie: `a=b; ${session}` }), 'granted');
  assert.equal(kindOf({ cookie: 'tulle_dashboard=0000' }), 'login');
  assert.equal(kindOf({ cookie: session, origin: 'https://evil.example' }), 'refused');
});

test('a wrong token gives no session, and a session is one process’s', () => {
  const gate = createGate(TOKEN, false);
  assert.equal(gate.login(`${TOKEN}x`), undefined);
  assert.equal(gate.login(''), undefined);
  const session = gate.login(TOKEN)?.split(';')[0] ?? '';
  assert.equal(createGate(TOKEN, false).check(requestWith({ cookie: session })).kind, 'login');
});
