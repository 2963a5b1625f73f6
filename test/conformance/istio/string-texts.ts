/** Matchers of strings and of metadata as text. */
import { at, items, type Json, text } from './json.ts';

/** A string matcher, in a word and its value. */
export function stringText(match: Json | undefined): string {
  for (const kind of ['exact', 'prefix', 'suffix', 'contains'])
    if (at(match, kind) !== undefined) return `${kind} ${text(match, kind)}${at(match, 'ignoreCase') === true ? ' (any case)' : ''}`;
  const regex = text(match, 'safeRegex', 'regex');
  return regex === '' ? 'anything' : `regex ${regex}`;
}

/** What a value must be, any of these: as itself, or in brackets as an item of a list. */
function valueTexts(value: Json | undefined, isItem = false): readonly string[] {
  const or = items(value, 'orMatch', 'valueMatchers');
  if (or.length > 0) return or.flatMap((one) => valueTexts(one, isItem));
  const item = at(value, 'listMatch', 'oneOf');
  if (item !== undefined) return valueTexts(item, true);
  const said = stringText(at(value, 'stringMatch'));
  return [isItem ? `[${said}]` : said];
}

/** What metadata that a filter has left must be, any of these. */
export function metadataTexts(matcher: Json): readonly string[] {
  const path = items(matcher, 'path').map((part) => text(part, 'key'));
  return valueTexts(at(matcher, 'value')).map((said) => `${text(matcher, 'filter')}.${path.join('.')} ${said}`);
}
