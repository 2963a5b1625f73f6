import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import { fuzzRuns } from '../../core/testing/fuzz-runs.ts';
import { ProxyProtocolConfig_Version as Version } from '../../xds/gen/envoy/config/core/v3/proxy_protocol_pb.ts';
import { ProxyProtocolSchema } from '../../xds/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts';
import { createStats } from '../telemetry/registry.ts';
import {
  type HeaderVerdict,
  judgeHeader,
  metadataOf,
  type ProxyProtocolSettings,
  ProxyProtocolStats,
  readProxyProtocol,
} from './proxy-protocol.ts';
import { utf8Text } from './utf8-text.ts';

type Config = MessageInitShape<typeof ProxyProtocolSchema>;

const read = (config: Config): ProxyProtocolSettings => readProxyProtocol(create(ProxyProtocolSchema, config), 'f');

const V1 = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 1 2\r\nGET /');
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c633640700010002474554', 'hex');
const line = (source: string, destination: string, family = 'TCP4'): Buffer =>
  Buffer.from(`PROXY ${family} ${source} ${destination} 1 2\r\n`);

function show(verdict: HeaderVerdict | undefined): string {
  if (verdict === undefined) return 'more';
  if (verdict.kind === 'absent') return `absent, ${verdict.isAllowed ? 'allowed' : 'refused'}`;
  if (verdict.kind !== 'header') return `${verdict.kind} ${verdict.version}`;
  return `${verdict.header.lengthBytes} bytes of version ${verdict.header.version}`;
}

const OPTIONAL: Config = { allowRequestsWithoutProxyProtocol: true };
const NOT1: Config = { disallowedVersions: [Version.V1] };
const NOT2: Config = { disallowedVersions: [Version.V2] };

const VERDICTS: readonly [name: string, config: Config, bytes: Buffer, want: string][] = [
  ['version 1', {}, V1, '39 bytes of version 1'],
  ['version 2', {}, V2, '28 bytes of version 2'],
  ['nothing', {}, Buffer.from('GET / HTTP/1.1\r\n'), 'absent, refused'],
  ['nothing, where that may be', OPTIONAL, Buffer.from('GET / HTTP/1.1\r\n'), 'absent, allowed'],
  ['a method that begins as a header', OPTIONAL, Buffer.from('PROPFIND / HTTP/1.1\r\n'), 'absent, allowed'],
  ['half a line', {}, Buffer.from('PROXY TCP4 192.'), 'more'],
  ['half a line, where none need be', OPTIONAL, Buffer.from('PROXY TCP4 192.'), 'more'],
  ['a wrong line', OPTIONAL, Buffer.from('PROXY x\r\n'), 'malformed 1'],
  ['a version that is not wanted', NOT1, V1, 'disallowed 1'],
  ['the other version', NOT1, V2, '28 bytes of version 2'],
  ['version 2 not wanted', NOT2, V2, 'disallowed 2'],
  ['version 2 not wanted, so far', NOT2, V2.subarray(0, 5), 'more'],
  ['a version that is not looked for', { ...NOT1, ...OPTIONAL }, V1, 'absent, allowed'],
  ['a version that is looked for', { ...NOT1, ...OPTIONAL }, V2, '28 bytes of version 2'],
  ['no source', {}, line('0.0.0.0', '10.0.0.1'), 'malformed 1'],
  ['a group as source', {}, line('224.0.0.1', '10.0.0.1'), 'malformed 1'],
  ['the last group as destination', {}, line('10.0.0.1', '239.255.255.255'), 'malformed 1'],
  ['everybody as destination', {}, line('10.0.0.1', '255.255.255.255'), 'malformed 1'],
  ['an address after the groups', {}, line('240.0.0.1', '10.0.0.1'), '35 bytes of version 1'],
  ['no source of IPv6', {}, line('::', '::1', 'TCP6'), 'malformed 1'],
  ['a group of IPv6', {}, line('::1', 'ff02::1', 'TCP6'), 'malformed 1'],
  ['a link of IPv6', {}, line('fe80::1', '::1', 'TCP6'), '28 bytes of version 1'],
];

for (const [name, config, bytes, want] of VERDICTS) {
  test(`judgeHeader() on ${name}`, () => assert.equal(show(judgeHeader(bytes, read(config))), want));
}

test('judgeHeader() does not change its mind when more comes', () => {
  const config = fc.record({ isOptional: fc.boolean(), versions: fc.subarray([Version.V1, Version.V2]) });
  const start = fc.constantFrom(V1, V2, Buffer.from('PROPFIND'), line('0.0.0.0', '1.1.1.1'));
  const property = fc.property(config, start, fc.uint8Array({ maxLength: 20 }), ({ isOptional, versions }, first, rest) => {
    const settings = read({ allowRequestsWithoutProxyProtocol: isOptional, disallowedVersions: versions });
    const bytes = Buffer.concat([first, rest]);
    const whole = show(judgeHeader(bytes, settings));
    for (let length = 1; length < bytes.length; length++) {
      const part = show(judgeHeader(bytes.subarray(0, length), settings));
      if (part !== 'more') assert.equal(part, whole, `after ${length} bytes`);
    }
  });
  fc.assert(property, { numRuns: fuzzRuns(300) });
});

test('metadataOf() puts the fields that rules name where they say', () => {
  const settings = read({
    rules: [
      { tlvType: 1, onTlvPresent: { key: 'former' } },
      { tlvType: 1, onTlvPresent: { key: 'alpn' } },
      { tlvType: 2, onTlvPresent: { key: 'host' } },
      { tlvType: 0xea, onTlvPresent: { key: 'id', metadataNamespace: 'aws' } },
      { tlvType: 5 },
    ],
  });
  const tlvs = [
    [1, 'h2'],
    [2, 'a.example'],
    [2, 'b.example'],
    [5, 'x'],
    [0xea, 'vpce-1'],
    [9, 'nobody asks'],
  ] as const;
  const found = metadataOf(
    tlvs.map(([type, text]) => ({ type, value: Buffer.from(text) })),
    settings,
  );
  assert.deepEqual(
    found,
    new Map<string, object>([
      ['envoy.filters.listener.proxy_protocol', { alpn: 'h2', host: 'a.example' }],
      ['aws', { id: 'vpce-1' }],
    ]),
  );
  assert.equal(metadataOf([{ type: 9, value: Buffer.alloc(1) }], settings), undefined);
});

const TEXTS: readonly [hex: string, want: string][] = [
  ['', ''],
  ['61c3a9f09f9880', 'aé😀'],
  ['efbbbf61', '\uFEFFa'],
  ['00ff41c3', '\0!A!'],
  ['e282c3a9', '!!é'],
  ['c080eda080', '!!!!!'],
];

for (const [hex, want] of TEXTS) {
  test(`utf8Text() of ${hex || 'nothing'}`, () => assert.equal(utf8Text(Buffer.from(hex, 'hex')), want));
}

const WRONG: readonly [config: Config, path: string][] = [
  [{ rules: [{ tlvType: 256, onTlvPresent: { key: 'a' } }] }, 'f.rules[0].tlv_type'],
  [{ rules: [{ tlvType: 1 }, { tlvType: 1, onTlvPresent: {} }] }, 'f.rules[1].on_tlv_present.key'],
];

for (const [config, path] of WRONG) {
  test(`readProxyProtocol() refuses ${path}`, () => {
    assert.throws(
      () => read(config),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}

test('readProxyProtocol() refuses a version that is none', () => {
  const config = fromBinary(ProxyProtocolSchema, Uint8Array.of(0x22, 2, Version.V2, 7));
  assert.throws(
    () => readProxyProtocol(config, 'f'),
    (error) => error instanceof ConfigError && error.path === 'f.disallowed_versions[1]',
  );
});

test('verdicts are counted under the names of Envoy', () => {
  const root = createStats();
  const stats = new ProxyProtocolStats(root, 'lb');
  const all: HeaderVerdict[] = [
    { kind: 'absent', isAllowed: true },
    { kind: 'absent', isAllowed: false },
    { kind: 'malformed', version: 1 },
    { kind: 'disallowed', version: 2 },
    { kind: 'header', header: { version: 2, endpoints: undefined, tlvs: [], lengthBytes: 16 } },
  ];
  for (const verdict of all) stats.count(verdict);
  const found: Record<string, number> = {};
  root.forEach(({ name, value }) => {
    if (value.kind === 'counter') found[name] = value.counter.value;
  });
  assert.deepEqual(found, {
    downstream_cx_proxy_proto_error: 2,
    'proxy_proto.lb.not_found_allowed': 1,
    'proxy_proto.lb.not_found_disallowed': 1,
    'proxy_proto.lb.versions.v1.found': 0,
    'proxy_proto.lb.versions.v1.disallowed': 0,
    'proxy_proto.lb.versions.v1.error': 1,
    'proxy_proto.lb.versions.v2.found': 2,
    'proxy_proto.lb.versions.v2.disallowed': 1,
    'proxy_proto.lb.versions.v2.error': 0,
  });
});
