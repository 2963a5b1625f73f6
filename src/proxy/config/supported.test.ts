/** A field that the table calls obeyed must be read somewhere in the proxy. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { effectiveFields } from './supported.ts';

const proxy = path.resolve(import.meta.dirname, '..');

/** protobuf-es' name of a field: `max_5xx_a` is `max5xxA`. */
function localName(field: string): string {
  return field.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
}

/** Read as the only member of its oneof, or the only one besides those that are named; the oneof's name is what the code says. */
const LAST_MEMBERS = new Set([
  'envoy.type.matcher.v3.ListMatcher.one_of',
  'envoy.config.overload.v3.ScaleTimersOverloadActionConfig.ScaleTimer.min_scale',
]);

test('every field that is said to have an effect is read', () => {
  const sources = globSync(['**/*.ts', '../wire/dns/*.ts'], { cwd: proxy }).filter(
    (file) => !file.endsWith('.test.ts') && !file.endsWith('supported.ts'),
  );
  const words = new Set(sources.flatMap((file) => readFileSync(path.join(proxy, file), 'utf8').match(/[A-Za-z_$][\w$]*/g) ?? []));
  // Istio's are read as the JSON that they mostly come as
  const read = (type: string, field: string): boolean => words.has(type.startsWith('stats.') ? field : localName(field));
  const unread = effectiveFields().filter(([type, field]) => !read(type, field) && !LAST_MEMBERS.has(`${type}.${field}`));
  assert.deepEqual(
    unread.map(([type, field]) => `${type}.${field}`),
    [],
  );
});
