/** Connections that go to another listener by the destination that a PROXY header tells. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { Setup } from './framework/bootstrap.ts';
import type { Case, CaseOptions } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { inOwnNetwork } from './framework/own-network.ts';
import { direct, type } from './framework/pieces.ts';
import { compareTopic } from './framework/topic.ts';

const get = (name: string, port: number, options: CaseOptions): Case => {
  const each = ask(name, '/x', {}, { listener: 'handing', ...options });
  return { ...each, talk: (target) => each.talk({ ...target, preface: [Buffer.from(`PROXY TCP4 192.0.2.1 198.51.100.9 1 ${port}\r\n`)] }) };
};

const OK = { 'answers.0.line': 'HTTP/1.1 200 OK' };

const PROXIED: JsonObject = {
  name: 'envoy.filters.listener.proxy_protocol',
  typed_config: type('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'),
};

const setup = (): Setup => ({
  listeners: {
    handing: { listener: { listener_filters: [PROXIED], use_original_dst: true } },
    handed: {
      hosts: [{ name: 'handed', domains: ['*'], routes: [direct('/', 200, 'handed')] }],
      listener: { address: { socket_address: { address: '198.51.100.9', port_value: 8443 } }, bind_to_port: false },
    },
  },
});

// where connections are tracked, as while a mesh runs in transparent mode, Envoy takes the listener's own address for the
// destination, whatever the header says
inOwnNetwork(import.meta.filename, () => {
  compareTopic({
    name: 'PROXY protocol and other listeners',
    setup,
    cases: [get('handed over', 8443, { expects: { ...OK, 'answers.0.body': 'handed' } }), get('not handed over', 8444, { expects: OK })],
  });
});
