/** Regular expressions that match other than their author may think. */
import type { StringMatch } from '../../../model/match.ts';
import type { HttpMatch } from '../../../model/route.ts';
import type { Check, Say } from '../finding.ts';
import { httpRules } from '../routes.ts';
import type { World } from '../world.ts';

const META = /[.*+?()[\]{}|^$\\]/;

/** Fields that hold names of hosts. */
const HOST_FIELDS: readonly string[] = ['authority', 'headers.host', 'headers.:authority'];

/** What an expression would be taken for, and is not. */
function misreading(field: string, pattern: string): string | undefined {
  if (!META.test(pattern)) {
    return `"${pattern}" has nothing of a regular expression in it, and the whole value must match: it matches "${pattern}" alone, not values that contain it`;
  }
  const isPath = field === 'uri';
  const begin = pattern.replace(/^(?:\(\?[imsU]+\)|[(^])+(?:\?:|\?P?<\w+>)?/, '');
  if (isPath && /^[A-Za-z0-9_-]/.test(begin) && !pattern.includes('|')) {
    return `the whole path must match, every path begins with /, and "${pattern}" does not: it never matches`;
  }
  if (HOST_FIELDS.includes(field) && /[a-z0-9]\.[a-z]/i.test(pattern.replaceAll(/\\./g, '')))
    return `a dot stands for any character in "${pattern}": other hosts match too, such as "${pattern.replaceAll('.', 'x').replaceAll(/[^\w-]/g, '')}"`;
  return undefined;
}

function expressions({ uri, authority, scheme, method, headers, withoutHeaders, queryParams }: HttpMatch) {
  const single: readonly (readonly [string, StringMatch | undefined])[] = [
    ['uri', uri],
    ['authority', authority],
    ['scheme', scheme],
    ['method', method],
  ];
  const named = [
    ...headers.map(([name, match]) => [`headers.${name}`, match] as const),
    ...withoutHeaders.map(([name, match]) => [`withoutHeaders.${name}`, match] as const),
    ...queryParams.map(([name, match]) => [`queryParams.${name}`, match] as const),
  ];
  return [...single, ...named].flatMap(([field, match]) => (match?.kind === 'regex' ? [{ field, pattern: match.value }] : []));
}

function checkMatch(match: HttpMatch, world: World, say: Say): void {
  for (const { field, pattern } of expressions(match)) {
    const problem = misreading(field, pattern);
    const place = (): typeof match.origin => world.documents.placeOf(match.origin, `${field}.regex`);
    if (problem !== undefined) say('TUL221', place(), problem);
    else if (/^\^?\(?\.[*+](?!\)?\$?$)/.test(pattern)) {
      const what =
        field === 'uri'
          ? 'any path in which the rest stands somewhere, whatever comes before'
          : 'any value in which the rest stands somewhere';
      say('TUL222', place(), `"${pattern}" begins with .*: it matches ${what}`);
    }
  }
}

export const regexes: Check = {
  name: 'regexes',
  looksAt: ['VirtualService'],
  codes: ['TUL221', 'TUL222'],
  run(world, say) {
    for (const { rule } of httpRules(world)) for (const match of rule.matches) checkMatch(match, world, say);
  },
};
