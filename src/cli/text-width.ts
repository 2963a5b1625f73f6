/** How many columns of a terminal a text takes: two a character of East Asian scripts or an emoji, none a mark upon another. */

const ASCII = /^[\x20-\x7e]*$/;
/** Wide and Fullwidth of Unicode's East Asian Width (UAX #11), by blocks. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{20000}-\u{3fffd}]/u;
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u;
const MARKS = /^(?:\p{Mark}|\p{Format})+$/u;

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** What a reader takes for characters, each with its columns. */
function characters(text: string): { readonly segment: string; readonly width: number }[] {
  return [...segmenter.segment(text)].map(({ segment }) => ({
    segment,
    width: WIDE.test(segment) || EMOJI.test(segment) ? 2 : MARKS.test(segment) ? 0 : 1,
  }));
}

/** The columns that `text` takes. */
export function textWidth(text: string): number {
  return ASCII.test(text) ? text.length : characters(text).reduce((sum, { width }) => sum + width, 0);
}

/** As much of the beginning of `text`, or of its `end`, as `width` columns hold; whole characters. */
export function textWithin(text: string, width: number, from: 'start' | 'end' = 'start'): string {
  if (ASCII.test(text)) return from === 'start' ? text.slice(0, width) : text.slice(Math.max(0, text.length - width));
  const all = from === 'start' ? characters(text) : characters(text).toReversed();
  let room = width;
  const first = all.findIndex((each) => (room -= each.width) < 0);
  const kept = (first === -1 ? all : all.slice(0, first)).map(({ segment }) => segment);
  return (from === 'start' ? kept : kept.toReversed()).join('');
}

/** `text` with blanks after it, or before what stands to the right, so that it takes `width` columns. */
export function padText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - textWidth(text)));
  return align === 'right' ? `${blanks}${text}` : `${text}${blanks}`;
}
