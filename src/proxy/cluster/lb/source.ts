import type { Host } from '../cluster.ts';
import type { Hash64 } from './hash64.ts';

/** Chooses among some hosts of one priority; undefined: nobody is there. */
export type Source = (hash: Hash64 | undefined, attempt: number) => Host | undefined;

export const NOBODY: Source = () => undefined;
