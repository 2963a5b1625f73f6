/** Paths that can be written in several ways. */
import { DIFFERENCES } from './differences.ts';
import type { Case } from './framework/case.ts';
import { ask } from './framework/h1-case.ts';
import { EDGE, FORWARD, SIDECAR, STRICT } from './framework/listeners.ts';
import { compareTopic } from './framework/topic.ts';

const AS_SENT = { 'log.0.path': DIFFERENCES.loggedRefusedPath, 'log.0.first_path': DIFFERENCES.loggedRefusedPath };

function pathDifference(listener: string, path: string): Case['differs'] {
  if (listener === 'strict' && /%2f|%5c/i.test(path)) return AS_SENT;
  const reason = DIFFERENCES.onlySlashes;
  return listener === 'edge' && path === '//' ? { 'log.0.path': reason, 'log.0.first_path': reason, 'upstream.0.line': reason } : {};
}

const CASES: Case[] = [
  ...(['main', 'edge', 'forward', 'strict'] as const).flatMap((listener) =>
    [
      '/a/../b',
      '/a/./b/',
      '/a//b',
      '/a%2fb',
      '/a%5Cb',
      '/a%2Fb/../c?x=%2f',
      '/%61%2e%2E/b',
      '/..',
      '/a\\b',
      '/a%zz',
      '/a%',
      '//',
      '/a/..',
    ].map((path) => ask(`path ${listener} ${path}`, path, {}, { listener, differs: pathDifference(listener, path) })),
  ),
  ask('path double escaped', '/a%252fb', {}, { listener: 'edge' }),
];

const LISTENERS = { main: SIDECAR, edge: EDGE, forward: FORWARD, strict: STRICT };

compareTopic({ name: 'paths', setup: () => ({ listeners: LISTENERS }), cases: CASES });
