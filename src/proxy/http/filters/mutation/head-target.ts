/** Heads whose start lines can be changed like fields, under names with a colon, by filters that may. */
import type { HeaderMap, RequestHead, ResponseHead } from '../../../../wire/http/message.ts';

/** What is changed: a header map, or a head with its start line among the fields. */
export interface Target extends Pick<HeaderMap, 'set' | 'add' | 'remove' | 'forEach'> {
  get(name: string): string | undefined;
  has(name: string): boolean;
}

interface PseudoField {
  get(): string;
  set(value: string): void;
}

/** A head's fields and, under names with a colon, its start line. What is added to a pseudo-header is joined by a comma. */
function headTarget(headers: HeaderMap, pseudo: (name: string) => PseudoField | undefined): Target {
  return {
    get: (name) => pseudo(name)?.get() ?? headers.get(name),
    has: (name) => pseudo(name) !== undefined || headers.has(name),
    set(name, value) {
      const field = pseudo(name);
      if (field === undefined) headers.set(name, value);
      else field.set(value);
    },
    add(name, value) {
      const field = pseudo(name);
      if (field === undefined) headers.add(name, value);
      else field.set(`${field.get()},${value}`);
    },
    remove: (name) => headers.remove(name),
    forEach: (visit) => headers.forEach(visit),
  };
}

const REQUEST_FIELDS: Readonly<Record<string, 'method' | 'path' | 'authority' | 'scheme'>> = {
  ':method': 'method',
  ':path': 'path',
  ':authority': 'authority',
  host: 'authority',
  ':scheme': 'scheme',
};

/** A request as a target. */
export function requestTarget(head: RequestHead): Target {
  return headTarget(head.headers, (name) => {
    const key = REQUEST_FIELDS[name];
    return key === undefined ? undefined : { get: () => head[key], set: (value) => void (head[key] = value) };
  });
}

/** A response as a target. A status that is no number from 200 to 599 is left alone. */
export function responseTarget(head: ResponseHead): Target {
  const status: PseudoField = {
    get: () => String(head.status),
    set(value) {
      if (/^[2-5]\d\d$/.test(value)) head.status = Number(value);
    },
  };
  return headTarget(head.headers, (name) => (name === ':status' ? status : undefined));
}
