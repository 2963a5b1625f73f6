/** What could be read in two ways is refused. */
import { DIFFERENCES } from './differences.ts';
import { type Case, differing } from './framework/case.ts';
import { ask, bytes, of, post, refused, stricter } from './framework/h1-case.ts';
import { EDGE, SIDECAR } from './framework/listeners.ts';
import { compareTopic } from './framework/topic.ts';

const chunked = 'Transfer-Encoding: chunked';

const CASES: Case[] = [
  of('rubbish request', 'rubbish\r\n\r\n'),
  of('http 0.9', 'GET /\r\n\r\n'),
  of('http 3', bytes('/x', { version: 'HTTP/3.0' })),
  of('http 1.2', bytes('/x', { version: 'HTTP/1.2' })),
  differing(ask('no host', '/x', { host: '' }), { log: DIFFERENCES.loggedNoHost }),
  stricter('empty host', 'GET /x HTTP/1.1\r\nhost:\r\nx-case: @\r\n\r\n', DIFFERENCES.emptyHost),
  stricter('two hosts', 'GET /x HTTP/1.1\r\nhost: a\r\nhost: b\r\nx-case: @\r\n\r\n', DIFFERENCES.twoHosts),
  of('bad host', 'GET /x HTTP/1.1\r\nhost: a b\r\nx-case: @\r\n\r\n'),
  stricter('bad host user', 'GET /x HTTP/1.1\r\nhost: user@a\r\nx-case: @\r\n\r\n', DIFFERENCES.userInHost),
  refused('length and transfer coding', post(['content-length: 3', chunked], '3\r\nabc\r\n0\r\n\r\n')),
  refused('two different lengths', post(['content-length: 3', 'content-length: 4'], 'abcd')),
  refused('two equal lengths', post(['content-length: 3', 'content-length: 3'], 'abc')),
  refused('length list', post(['content-length: 3, 3'], 'abc')),
  refused('signed length', post(['content-length: +3'], 'abc')),
  refused('hexadecimal length', post(['content-length: 0x3'], 'abc')),
  refused('negative length', post(['content-length: -1'], '')),
  refused('chunked twice', post([chunked, chunked], '0\r\n\r\n')),
  refused('unknown coding', post(['transfer-encoding: gzip'], '')),
  refused('chunked not last', post(['transfer-encoding: chunked, gzip'], '0\r\n\r\n')),
  refused('gzip then chunked', post(['transfer-encoding: gzip, chunked'], '0\r\n\r\n')),
  refused('obscured coding', post(['transfer-encoding: xchunked'], '0\r\n\r\n')),
  refused('vertical tab in coding', post(['transfer-encoding: \x0bchunked'], '0\r\n\r\n')),
  refused('space before colon', post(['transfer-encoding : chunked'], '0\r\n\r\n')),
  stricter('folded line', post(['x-a: b\r\n c'], ''), DIFFERENCES.foldedLine),
  refused('nul in a value', post(['x-a: b\0c'], '')),
  stricter('carriage return in a value', post(['x-a: b\rc'], ''), DIFFERENCES.bareReturn),
  refused('name with a space', post(['x a: b'], '')),
  refused('line without colon', post(['nothing'], '')),
  refused('empty name', post([': a'], '')),
  stricter('two spaces', 'GET  /x HTTP/1.1\r\nhost: a\r\n\r\n', DIFFERENCES.singleSpaces),
  stricter('tab in request line', 'GET\t/x\tHTTP/1.1\r\nhost: a\r\n\r\n', DIFFERENCES.singleSpaces),
  refused('space in target', 'GET /x y HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('relative target', 'GET x HTTP/1.1\r\nhost: a\r\n\r\n'),
  stricter('HTTP 1.0 chunked', 'POST /x HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', DIFFERENCES.oldChunks, 'edge'),
  of('bad chunk size', post([chunked], 'zz\r\n')),
  of('negative chunk size', post([chunked], '-1\r\n')),
  of('huge chunk size', post([chunked], 'fffffffffffffffff\r\n')),
  stricter('bad chunk end', post([chunked], '3\r\nabcd\r\n0\r\n\r\n'), DIFFERENCES.chunkEnd),
  of('bad trailer', post([chunked], '3\r\nabc\r\n0\r\nbad trailer\r\n\r\n')),
];

compareTopic({ name: 'strictness', setup: () => ({ listeners: { main: SIDECAR, edge: EDGE } }), cases: CASES });
