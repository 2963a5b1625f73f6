import { formatAddress, type NetAddress } from '../../net/address.ts';
import { closeDescriptor, duplicateDescriptor } from '../../net/descriptor-passing.ts';
import type { Listening, ListenSockets, ListenSource } from './listen-sockets.ts';

/** A listening socket that another process has passed on. */
export interface PassedSocket {
  readonly key: string;
  readonly descriptor: number;
}

/** How long another loop waits for the main one to listen, in milliseconds. */
const PATIENCE_MS = 30_000;

/** What the main loop did about a key. */
type State =
  | { readonly kind: 'open'; readonly listening: Listening; readonly isShared: boolean }
  | { readonly kind: 'failed'; readonly reason: string };

/** The listening sockets of a process: those of its main loop, and what the other loops are told about theirs. */
export class MainSockets implements ListenSockets {
  readonly #loops: number;
  /** Descriptors for each loop, by key. */
  readonly #inherited = new Map<string, number[][]>();
  readonly #inheritedKeys = new Set<string>();
  readonly #states = new Map<string, State>();
  readonly #waiting = new Map<string, Set<() => void>>();
  /** Sockets of the other loops, by loop and key. */
  readonly #others = new Map<number, Map<string, readonly number[]>>();
  ownsFiles: boolean;

  /** `loops`: event loops of this process, the main one included; each gets its part of what is `passed` on. */
  constructor(loops: number, passed: readonly PassedSocket[] = []) {
    this.#loops = loops;
    // those that were passed on are the other's until we serve
    this.ownsFiles = passed.length === 0;
    for (const { key, descriptor } of passed) {
      const lists = this.#inherited.get(key) ?? Array.from({ length: loops }, (): number[] => []);
      this.#inherited.set(key, lists);
      this.#inheritedKeys.add(key);
      lists[lists.reduce((sum, list) => sum + list.length, 0) % loops]?.push(descriptor);
    }
    // fewer sockets than loops: some share one
    for (const lists of this.#inherited.values()) {
      const first = lists[0]?.[0];
      for (const list of lists) if (list.length === 0 && first !== undefined) list.push(duplicateDescriptor(first));
    }
  }

  async claim(key: string): Promise<ListenSource> {
    return this.#inheritedBy(0, key) ?? (await Promise.resolve({ kind: 'bind', isShared: this.#loops > 1 && !key.startsWith('/') }));
  }

  /** How another loop (1 and up) is to listen, once the main one does. Rejects where it cannot. */
  async claimFor(loop: number, key: string, wanted: NetAddress): Promise<ListenSource> {
    const inherited = this.#inheritedBy(loop, key);
    if (inherited !== undefined) return inherited;
    if (key.startsWith('/')) return { kind: 'elsewhere' };
    const state = await this.#settled(key);
    if (state === undefined) throw new Error(`nobody listens on ${formatAddress(wanted)}`);
    if (state.kind === 'failed') throw new Error(state.reason);
    const [fd] = state.listening.descriptors;
    // a socket that was bound for one process alone can only be shared itself
    if (!state.isShared && fd !== undefined) return { kind: 'inherit', descriptors: [duplicateDescriptor(fd)] };
    return { kind: 'bind', isShared: true, port: state.listening.bound.port };
  }

  opened(listening: Listening): void {
    const { key } = listening;
    this.#settle(key, { kind: 'open', listening, isShared: this.#loops > 1 && !this.#inheritedKeys.has(key) });
  }

  failed(key: string, reason: string): void {
    this.#settle(key, { kind: 'failed', reason });
  }

  closed({ key }: Listening): void {
    this.#states.delete(key);
    this.#inheritedKeys.delete(key);
  }

  /** Another loop listens with these descriptors; none: not any more. */
  reported(loop: number, key: string, descriptors: readonly number[]): void {
    const own = this.#others.get(loop) ?? new Map<string, readonly number[]>();
    this.#others.set(loop, own);
    if (descriptors.length === 0) own.delete(key);
    else own.set(key, descriptors);
  }

  /** Another loop has ended, and its sockets with it. */
  loopEnded(loop: number): void {
    this.#others.delete(loop);
  }

  /** Every open socket, for another process. */
  all(): PassedSocket[] {
    const all: PassedSocket[] = [];
    for (const [key, state] of this.#states) {
      if (state.kind === 'open') all.push(...state.listening.descriptors.map((descriptor) => ({ key, descriptor })));
    }
    for (const own of this.#others.values())
      for (const [key, descriptors] of own) all.push(...descriptors.map((descriptor) => ({ key, descriptor })));
    return all;
  }

  /** Closes what was passed on and nobody wanted: no listener of the configuration has that address. */
  closeRest(): void {
    for (const lists of this.#inherited.values()) for (const list of lists) list.splice(0).forEach(closeDescriptor);
    this.#inherited.clear();
  }

  #inheritedBy(loop: number, key: string): ListenSource | undefined {
    const descriptors = this.#inherited.get(key)?.[loop]?.splice(0) ?? [];
    return descriptors.length === 0 ? undefined : { kind: 'inherit', descriptors };
  }

  #settle(key: string, state: State): void {
    this.#states.set(key, state);
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    for (const tell of waiting ?? []) tell();
  }

  async #settled(key: string): Promise<State | undefined> {
    const known = this.#states.get(key);
    if (known?.kind === 'open') return known;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    waiting.add(resolve);
    const timer = setTimeout(resolve, PATIENCE_MS);
    await promise;
    clearTimeout(timer);
    waiting.delete(resolve);
    return this.#states.get(key);
  }
}
