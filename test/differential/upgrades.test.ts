/** Upgrade of HTTP/1.1. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Case } from './framework/case.ts';
import { ask, bytes, of } from './framework/h1-case.ts';
import { EDGE, SIDECAR } from './framework/listeners.ts';
import { to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const CASES: Case[] = [
  ask('upgrade ignored h2c', '/x', {
    fields: ['connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAARAAAAAAAIAAAAA'],
  }),
  of('websocket', [bytes('/x', { fields: ['connection: Upgrade', 'Upgrade: websocket', 'sec-websocket-key: abc'] }), 'ping', 'pong']),
  ask('websocket refused by origin', '/x', { fields: ['connection: Upgrade', 'Upgrade: websocket'], wish: 'status=403' }),
  ask('websocket refused by route', '/no-upgrade', { fields: ['connection: Upgrade', 'Upgrade: websocket'] }),
  ask('websocket not configured', '/x', { fields: ['connection: Upgrade', 'Upgrade: websocket'] }, { listener: 'edge' }),
  ask('other upgrade', '/x', { fields: ['connection: Upgrade', 'Upgrade: tor'] }),
];

const ROUTES: JsonObject[] = [to('/no-upgrade', { upgrade_configs: [{ upgrade_type: 'websocket', enabled: false }] })];

compareTopic({ name: 'upgrades', setup: () => ({ listeners: { main: SIDECAR, edge: EDGE }, routes: ROUTES }), cases: CASES });
