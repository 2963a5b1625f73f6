/** Which scheme a host is told, where it is to be that of the connection to it. */
import { upstreamTls } from './framework/bootstrap.ts';
import { ask } from './framework/h1-case.ts';
import { cluster, ROOM, to } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const CASES = [
  ask('in clear text', '/plain', { fields: ['x-forwarded-proto: https'] }, { expects: { 'log.0.scheme': 'http' } }),
  ask('in TLS', '/tls', { fields: ['x-forwarded-proto: http'] }, { expects: { 'log.0.scheme': 'https' } }),
];

compareTopic({
  name: 'schemes',
  setup: (world) => ({
    listeners: { main: { manager: { scheme_header_transformation: { match_upstream: true } } } },
    clusters: [cluster('tls', [world.ports.originTlsH1], { ...ROOM, transport_socket: upstreamTls(world) })],
    routes: [to('/tls', { cluster: 'tls' })],
    log: { scheme: '%REQ(:SCHEME)%' },
  }),
  cases: CASES,
});
