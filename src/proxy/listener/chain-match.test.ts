import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ConfigError } from '../../core/errors.ts';
import {
  FilterChainMatch_ConnectionSourceType as SourceType,
  FilterChainMatchSchema,
} from '../../xds/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { compileChainMatches, type ConnectionFacts } from './chain-match.ts';

type Match = MessageInitShape<typeof FilterChainMatchSchema>;

function compile(matches: readonly Match[]) {
  return compileChainMatches(
    matches.map((match) => create(FilterChainMatchSchema, match)),
    'l',
  );
}

const connection: ConnectionFacts = {
  destination: { host: '10.1.2.3', port: 80 },
  serverName: '',
  transportProtocol: 'raw_buffer',
  applicationProtocols: [],
  source: { host: '192.0.2.1', port: 40_000 },
};

function range(addressPrefix: string, prefixLen: number): { addressPrefix: string; prefixLen: number } {
  return { addressPrefix, prefixLen };
}

const cases: readonly { name: string; matches: Match[]; facts?: Partial<ConnectionFacts>; want: number | undefined }[] = [
  { name: 'nothing asked for matches all', matches: [{}], want: 0 },
  { name: 'no chain', matches: [], want: undefined },
  { name: 'the port', matches: [{ destinationPort: 80 }, {}], want: 0 },
  { name: 'another port', matches: [{ destinationPort: 81 }, {}], want: 1 },
  {
    name: 'the longest prefix',
    matches: [{ prefixRanges: [range('10.0.0.0', 8)] }, { prefixRanges: [range('10.1.0.0', 16)] }, {}],
    want: 1,
  },
  { name: 'a prefix of the other family', matches: [{ prefixRanges: [range('::', 0)] }, {}], want: 1 },
  { name: 'IPv6', matches: [{ prefixRanges: [range('fd00::', 8)] }, {}], facts: { destination: { host: 'fd00::1', port: 80 } }, want: 0 },
  { name: 'a name', matches: [{ serverNames: ['a.b'] }, { serverNames: ['*.b'] }, {}], facts: { serverName: 'a.b' }, want: 0 },
  { name: 'a wildcard', matches: [{ serverNames: ['a.b'] }, { serverNames: ['*.b'] }, {}], facts: { serverName: 'c.a.b' }, want: 1 },
  {
    name: 'the narrower wildcard',
    matches: [{ serverNames: ['*.b'] }, { serverNames: ['*.a.b'] }],
    facts: { serverName: 'c.a.b' },
    want: 1,
  },
  { name: 'a wildcard does not cover its own domain', matches: [{ serverNames: ['*.b'] }, {}], facts: { serverName: 'b' }, want: 1 },
  { name: 'TLS', matches: [{}, { transportProtocol: 'tls' }], facts: { transportProtocol: 'tls' }, want: 1 },
  { name: 'no TLS', matches: [{ transportProtocol: 'tls' }, { transportProtocol: 'raw_buffer' }], want: 1 },
  {
    name: 'the first offered protocol that a chain has',
    matches: [{ applicationProtocols: ['istio'] }, { applicationProtocols: ['istio-http/1.1'] }, {}],
    facts: { applicationProtocols: ['unknown', 'istio-http/1.1', 'istio'] },
    want: 1,
  },
  { name: 'a source', matches: [{ sourcePrefixRanges: [range('192.0.2.0', 24)] }, {}], want: 0 },
  { name: 'a direct source', matches: [{ directSourcePrefixRanges: [range('192.0.2.0', 24)] }, {}], want: 0 },
  {
    name: 'a direct source that is not the source',
    matches: [{ directSourcePrefixRanges: [range('192.0.2.0', 24)] }, { directSourcePrefixRanges: [range('10.0.0.0', 8)] }, {}],
    facts: { directSource: { host: '10.0.0.1', port: 1 } },
    want: 1,
  },
  {
    name: 'a source from outside',
    matches: [{ sourceType: SourceType.SAME_IP_OR_LOOPBACK }, { sourceType: SourceType.EXTERNAL }],
    want: 1,
  },
  {
    name: 'a source on this host',
    matches: [{ sourceType: SourceType.SAME_IP_OR_LOOPBACK }, { sourceType: SourceType.EXTERNAL }],
    facts: { source: { host: '10.1.2.3', port: 1 } },
    want: 0,
  },
  { name: 'a source port', matches: [{ sourcePorts: [1, 40_000] }, {}], want: 0 },
  {
    name: 'the port comes before the name, and there is no way back',
    matches: [{ destinationPort: 80, serverNames: ['x.y'] }, { serverNames: ['a.b'] }],
    facts: { serverName: 'a.b' },
    want: undefined,
  },
  {
    name: 'the address comes before the transport protocol',
    matches: [{ prefixRanges: [range('10.0.0.0', 8)] }, { transportProtocol: 'tls' }],
    facts: { transportProtocol: 'tls' },
    want: 0,
  },
  {
    name: 'the source type comes before the source address',
    matches: [
      { sourceType: SourceType.EXTERNAL, sourcePrefixRanges: [range('198.51.100.0', 24)] },
      { sourcePrefixRanges: [range('192.0.2.0', 24)] },
    ],
    want: undefined,
  },
];

for (const { name, matches, facts, want } of cases) {
  test(`a filter chain is chosen by: ${name}`, () => {
    assert.equal(compile(matches)({ ...connection, ...facts }), want);
  });
}

const refused: readonly [name: string, matches: Match[], path: string][] = [
  ['the same match twice', [{ destinationPort: 1 }, { destinationPort: 1 }], 'l.filter_chains[1].filter_chain_match'],
  ['matches that overlap', [{ sourcePorts: [1, 2] }, { sourcePorts: [2, 3] }], 'l.filter_chains[1].filter_chain_match'],
  ['an address that is none', [{ prefixRanges: [range('nowhere', 8)] }], 'l.filter_chains[0].filter_chain_match.prefix_ranges[0]'],
  ['a prefix that is too long', [{ prefixRanges: [range('10.0.0.0', 33)] }], 'l.filter_chains[0].filter_chain_match.prefix_ranges[0]'],
  ['a wildcard in the middle', [{ serverNames: ['a.*.b'] }], 'l.filter_chains[0].filter_chain_match.server_names[0]'],
  ['a wildcard alone', [{ serverNames: ['*'] }], 'l.filter_chains[0].filter_chain_match.server_names[0]'],
];

for (const [name, matches, path] of refused) {
  test(`filter chains are refused for ${name}`, () => {
    assert.throws(
      () => compile(matches),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}

test('a chain that asks for nothing takes what no other chain takes', () => {
  const ports = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 10 });
  fc.assert(
    fc.property(ports, fc.integer({ min: 1, max: 65_535 }), (known, port) => {
      const match = compile([...known.map((destinationPort) => ({ destinationPort })), {}]);
      const want = known.includes(port) ? known.indexOf(port) : known.length;
      assert.equal(match({ ...connection, destination: { host: '1.2.3.4', port } }), want);
    }),
  );
});
