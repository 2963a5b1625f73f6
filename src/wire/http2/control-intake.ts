/** Frames about the connection and its streams, as they come in (RFC 9113 section 6). */
import { latin1 } from '../http1/bytes.ts';
import type { ConnectionCore } from './connection-core.ts';
import { fault } from './faults.ts';
import { ACK, MAX_STREAM_ID, pingText, uint31At, uint32At } from './frames.ts';
import { readSettings, SETTINGS_ACK_TEXT } from './settings.ts';
import { H2 } from './types.ts';

const GOAWAY_LEAST_BYTES = 8;
/** Larger frames, which a peer may allow, would hold up the streams of others. */
const LARGEST_FRAME_BYTES = 65_536;

export class ControlIntake {
  readonly #core: ConnectionCore;
  readonly #onSettingsAck: () => void;
  #awaitsAck = true;
  #peerGoAwayId = MAX_STREAM_ID;

  constructor(core: ConnectionCore, onSettingsAck: () => void) {
    this.#core = core;
    this.#onSettingsAck = onSettingsAck;
  }

  windowUpdate(id: number, increment: number): void {
    const core = this.#core;
    if (!core.check(core.guard.onWindowUpdate())) return;
    const zero = increment === 0 ? fault('http2.window_increment') : undefined;
    if (id === 0) {
      core.check(zero ?? core.scheduler.openConnection(increment));
      return;
    }
    const stream = core.streams.get(id);
    if (stream === undefined) {
      if (core.isIdleId(id)) core.fatal(fault('http2.idle_stream'));
      return;
    }
    const found = zero ?? core.scheduler.openStream(stream, increment);
    if (found !== undefined) core.streamFault(stream, found);
  }

  reset(id: number, code: number): void {
    const core = this.#core;
    if (id === 0) return core.fatal(fault('http2.stream_id'));
    const stream = core.streams.get(id);
    if (stream === undefined) {
      if (core.isIdleId(id)) core.fatal(fault('http2.idle_stream'));
      return;
    }
    core.remove(stream);
    stream.reader.onReset(code, 'http2.remote_reset');
    core.owner.onStreamClosed();
    core.countReset(stream.openedMs);
  }

  settings(flags: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    const core = this.#core;
    if (id !== 0) return core.fatal(fault('http2.stream_id'));
    if ((flags & ACK) !== 0) return this.#settingsAck(end - start);
    const formerWindow = core.peer.initialWindow;
    if (!core.check(readSettings(bytes, start, end, !core.isServer, core.peer))) return;
    core.hasPeerSettings = true;
    core.encoder.setMaxTableBytes(core.peer.headerTableBytes);
    core.scheduler.maxFrameBytes = Math.min(core.peer.maxFrameBytes, LARGEST_FRAME_BYTES);
    core.writer.control(SETTINGS_ACK_TEXT);
    if (this.#resizeWindows(core.peer.initialWindow - formerWindow)) core.owner.onSettings();
  }

  /** RFC 9113 section 6.9.2: windows of open streams change with the initial one, and may become negative. */
  #resizeWindows(delta: number): boolean {
    const { streams, scheduler } = this.#core;
    if (delta !== 0) for (const stream of streams.values()) if (!this.#core.check(scheduler.openStream(stream, delta))) return false;
    return true;
  }

  #settingsAck(length: number): void {
    if (length !== 0) return this.#core.fatal(fault('http2.payload_size'));
    if (!this.#awaitsAck) return this.#core.fatal(fault('http2.settings_ack'));
    this.#awaitsAck = false;
    this.#onSettingsAck();
  }

  ping(flags: number, id: number, bytes: Uint8Array, start: number): void {
    if (id !== 0) return this.#core.fatal(fault('http2.stream_id'));
    if ((flags & ACK) !== 0) this.#core.owner.onPong();
    else this.#core.writer.control(pingText(latin1(bytes, start, start + 8), true));
  }

  /** Priorities are not kept (RFC 9113 section 5.3.2), only counted. */
  priority(id: number, dependsOn: number): void {
    if (id === 0) return this.#core.fatal(fault('http2.stream_id'));
    if (dependsOn === id) return this.#core.fatal(fault('http2.self_dependency'));
    this.#core.check(this.#core.guard.onPriority());
  }

  goAway(id: number, bytes: Uint8Array, start: number, end: number): void {
    const core = this.#core;
    if (id !== 0) return core.fatal(fault('http2.stream_id'));
    if (end - start < GOAWAY_LEAST_BYTES) return core.fatal(fault('http2.payload_size'));
    const lastId = uint31At(bytes, start);
    const code = uint32At(bytes, start + 4);
    if (lastId > this.#peerGoAwayId) return core.fatal(fault('http2.go_away'));
    this.#peerGoAwayId = lastId;
    core.isGoAwayReceived = true;
    if (!core.isServer) this.#dropAbove(lastId);
    core.owner.onGoAway(code);
  }

  /** Requests that the server has not taken: they can be sent again on another connection. */
  #dropAbove(lastId: number): void {
    const core = this.#core;
    for (const stream of core.streams.values()) {
      if (stream.id <= lastId || !stream.isOpen) continue;
      core.remove(stream);
      stream.reader.onReset(H2.REFUSED_STREAM, 'http2.remote_go_away');
      core.owner.onStreamClosed();
    }
  }
}
