/** One case of a comparison: who says what to which listener, and what may differ. */
import type { Difference } from '../differences.ts';
import type { Seen } from './origin.ts';

/** What a client has seen of one connection. */
export interface Talk {
  /** Answers in their order, as plain data: responses of HTTP/1.1, streams of HTTP/2. */
  readonly answers: readonly Answer[];
  /** What the connection was good for after the last answer: `kept`, `closed`, or `closed by GOAWAY <code>`. */
  readonly connection: string;
  /** The client's port, by which access logs name the connection. */
  readonly port: number;
}

/** One response. `isWhole` false: the connection or the stream ended inside it. */
export interface Answer {
  /** The status line; `HTTP/2 <status>` for HTTP/2. */
  readonly line: string;
  /** Lines of `name: value`. */
  readonly fields: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  readonly isWhole: boolean;
  /** HTTP/2: how the stream ended where not by END_STREAM, as `reset REFUSED_STREAM`. */
  readonly end?: string;
}

/** Where a client connects. */
export interface Target {
  readonly port: number;
  /** What is sent before all else, each piece by itself. */
  readonly preface?: readonly Buffer[];
  /** The listener speaks TLS: what the client offers and trusts. */
  readonly tls?: { readonly root: string; readonly certificateChain: string; readonly privateKey: string };
  /** What has come to the origin of this case up to now. */
  readonly seen?: () => readonly Seen[];
}

export interface Case {
  readonly name: string;
  /** The listener's name; `main` where not said otherwise. */
  readonly listener: string;
  readonly talk: (target: Target) => Promise<Talk>;
  /** Only that both refuse with a 4xx or 5xx, close, and send nothing upstream. */
  readonly isRefusal: boolean;
  /** Why Tulle refuses what Envoy lets pass; undefined where it does not. */
  readonly stricter: Difference | undefined;
  /** Parts of what was observed that differ, by their path (`answers.0.fields.server`), with the reason. */
  readonly differs: Readonly<Record<string, Difference>>;
  /**
   * What must hold in Envoy's observation, besides that Tulle's is the same: a guard against a case that compares two
   * equal failures. Paths as in `differs`.
   */
  readonly expects: Readonly<Record<string, unknown>>;
}

export type CaseOptions = Partial<Pick<Case, 'listener' | 'isRefusal' | 'stricter' | 'differs' | 'expects'>>;

/** A case with everything that is not said left at its default. */
export function newCase(name: string, talk: Case['talk'], options: CaseOptions = {}): Case {
  return { name, talk, listener: 'main', isRefusal: false, stricter: undefined, differs: {}, expects: {}, ...options };
}

/** The value of `x-case` that tells the origin whose request it is. */
export function tagOf(name: string): string {
  return name.replaceAll(' ', '-');
}

/** The same case, with what differs. */
export const differing = (each: Case, differs: Case['differs']): Case => ({ ...each, differs });
