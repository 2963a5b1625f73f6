/** Which encoding a client's `accept-encoding` asks for. Source: RFC 9110 section 12.5.3; Envoy's compressor. */

/** An encoding that could be applied, in the order of the filters that offer it. */
export interface Offer {
  readonly encoding: string;
  /** Preferred among encodings of equal weight. */
  readonly choosesFirst: boolean;
}

export interface Choice {
  /** `identity` for none. */
  readonly encoding: string;
  /** How the field named it, for statistics. */
  readonly kind: 'compressor' | 'identity' | 'wildcard' | 'invalid';
}

const INVALID: Choice = { encoding: 'identity', kind: 'invalid' };
const WEIGHT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

interface Wish {
  readonly encoding: string;
  readonly weight: number;
}

/** One element of the list; undefined where its weight is no number. */
function readWish(element: string): Wish | undefined {
  const semicolon = element.indexOf(';');
  if (semicolon === -1) return { encoding: element.trim(), weight: 1 };
  const encoding = element.slice(0, semicolon).trim();
  const parameter = element.slice(semicolon + 1);
  const equals = parameter.indexOf('=');
  if (equals === -1 || parameter.slice(0, equals).trim().toLowerCase() !== 'q') return { encoding, weight: 1 };
  const text = parameter.slice(equals + 1).trim();
  return WEIGHT.test(text) ? { encoding, weight: Number(text) } : undefined;
}

/** Chooses among `offers`, of which only the first of each encoding counts. */
export function chooseEncoding(acceptEncoding: string, offers: readonly Offer[]): Choice {
  const allowed = new Map<string, Offer>();
  for (const offer of offers) if (!allowed.has(offer.encoding)) allowed.set(offer.encoding, offer);
  const wishes = acceptEncoding
    .split(',')
    .filter((element) => element !== '')
    .flatMap((element) => readWish(element) ?? []);
  for (const { encoding, weight } of wishes) if (weight === 0) allowed.delete(encoding);
  if (wishes.length === 0 || allowed.size === 0) return INVALID;
  let best: Wish = { encoding: 'identity', weight: 0 };
  for (const wish of wishes) {
    const offer = allowed.get(wish.encoding);
    if (offer === undefined && wish.encoding !== 'identity' && wish.encoding !== '*') continue;
    if (wish.weight > best.weight || (wish.weight === best.weight && offer?.choosesFirst === true)) best = wish;
  }
  if (best.weight === 0) return INVALID;
  if (best.encoding === 'identity') return { encoding: 'identity', kind: 'identity' };
  if (best.encoding !== '*') return { encoding: best.encoding, kind: 'compressor' };
  const [first] = allowed.keys();
  return first === undefined ? INVALID : { encoding: first, kind: 'wildcard' };
}
