/**
 * Turns of the event loop: what is written to connections while one of them is being read goes out when its callback
 * returns, one write for each connection, or once a turn for those that ask for it.
 */
import { reportBug } from '../core/bugs.ts';

/** A connection with something to write. */
export interface Flushable {
  /** A large body's bytes are to be written, but no more than a write may well have. */
  readonly hasPartOfBody: boolean;
  flush(): void;
  destroy(reason?: string, reset?: boolean): void;
}

/** The first `dirtyCount` are to be flushed: to write an array's length costs more than to flush. */
const dirty: (Flushable | undefined)[] = [];
let dirtyCount = 0;
let depth = 0;
let isFlushQueued = false;

/** Connections that gather their writes, or have parts of bodies. */
let gathering: Flushable[] = [];

function flushGathering(): void {
  const connections = gathering;
  // what a flush makes others write is the next turn's
  gathering = [];
  for (const connection of connections) connection.flush();
}

/** Has a connection flushed at the end of the event loop's turn. */
export function gather(connection: Flushable): void {
  if (gathering.length === 0) setImmediate(flushGathering);
  gathering.push(connection);
}

/**
 * A part of a large body waits for what the same turn of the event loop may still read: TLS gives 16 KiB at a time, and
 * each would be a write of its own.
 */
function flushDirty(): void {
  isFlushQueued = false;
  // a flush may add more
  for (let i = 0; i < dirtyCount; i++) {
    const connection = dirty[i];
    dirty[i] = undefined;
    if (connection === undefined) continue;
    if (connection.hasPartOfBody) gather(connection);
    else connection.flush();
  }
  dirtyCount = 0;
}

/** Has a connection flushed when the callback that is running returns; outside of callbacks in a microtask. */
export function flushSoon(connection: Flushable): void {
  dirty[dirtyCount++] = connection;
  if (depth > 0 || isFlushQueued) return;
  isFlushQueued = true;
  queueMicrotask(flushDirty);
}

/** What runs in a turn is done, or has thrown. */
function leave(): void {
  depth--;
  if (depth === 0 && dirtyCount > 0) flushDirty();
}

function fail(connection: Flushable, error: unknown): void {
  connection.destroy('bug', true);
  reportBug(error);
}

/**
 * Runs a callback of a connection's owner, with what it is told; what it writes, to whatever connection, goes out when it
 * returns. An exception ends the connection and nothing else.
 */
export function inTurn<Told>(connection: Flushable, run: (told: Told) => void, told: Told): void {
  depth++;
  try {
    run(told);
  } catch (error) {
    fail(connection, error);
  } finally {
    leave();
  }
}

/** As `inTurn` for bytes that were read, without a closure for each read. */
export function readInTurn(connection: Flushable, reader: { onData(bytes: Uint8Array): void }, bytes: Uint8Array): void {
  depth++;
  try {
    reader.onData(bytes);
  } catch (error) {
    fail(connection, error);
  } finally {
    leave();
  }
}
