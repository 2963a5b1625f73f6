/** Error codes of HTTP/2 by name. */
import { H2 } from '../../../src/wire/http2/types.ts';

const NAMES = new Map(Object.entries(H2).map(([name, code]) => [code as number, name]));

/** The name of an error code (RFC 9113 section 7). */
export const codeName = (code: number): string => NAMES.get(code) ?? `code ${code}`;

/** The code of that name; INTERNAL_ERROR for what has none. */
export const codeOf = (name: string): number => [...NAMES].find(([, each]) => each === name)?.[0] ?? H2.INTERNAL_ERROR;
