import type { Buffer } from 'node:buffer';
import { getSystemErrorName } from 'node:util';
import type { NetAddress } from './address.ts';
import type { Duct, DuctOwner } from './duct.ts';
import { sharedBuffer } from './shared-read.ts';
import { releaseSlabs } from './slabs.ts';
import { addressBy, END_OF_FILE, type HandleRequest, NOT_CONNECTED, type TcpBinding, type TcpHandle } from './tcp-binding.ts';

/** What is ours on a handle, and on a request that is under way. */
interface Owned {
  duct?: HandleDuct | undefined;
}

interface WriteRequest extends HandleRequest, Owned {
  bytes?: number;
  slabs?: readonly Buffer[];
  /** Keeps what is being written from being collected. */
  parts?: unknown;
}

const NO_SLABS: readonly Buffer[] = [];

/** Of a write that was done at once: nobody looks at it again, so that the next write, to whatever handle, takes it. */
let spare: WriteRequest | undefined;

function onWritten(this: WriteRequest, status: number): void {
  this.duct?.written(this.bytes ?? 0, this.slabs ?? NO_SLABS, status);
}

function onShutdown(this: HandleRequest & Owned, status: number): void {
  this.duct?.ended(status);
}

function onRead(this: Owned): void {
  this.duct?.read();
}

function onClosed(this: Owned): void {
  this.duct?.closed();
}

/** A TCP connection by its handle. Reads go to the shared buffer, writes to the kernel at once where it takes them. */
export class HandleDuct implements Duct {
  readonly #binding: TcpBinding;
  readonly #handle: TcpHandle & Owned;
  readonly #owner: DuctOwner;
  #isConnected: boolean;
  #isReading = false;
  #isEnding = false;
  #isEnded = false;
  #hasPeerEnded = false;
  isDestroyed = false;
  pendingBytes = 0;

  /** `isConnected` false: `connected` follows. */
  constructor(binding: TcpBinding, handle: TcpHandle, owner: DuctOwner, isConnected = true) {
    this.#isConnected = isConnected;
    this.#binding = binding;
    this.#handle = handle;
    this.#owner = owner;
    this.#handle.duct = this;
    handle.onread = onRead;
    handle.useUserBuffer(sharedBuffer);
  }

  get local(): NetAddress {
    return addressBy('getsockname', this.#handle);
  }

  get remote(): NetAddress {
    return addressBy('getpeername', this.#handle);
  }

  /** Something was read, or the peer has ended, or the connection is broken: the binding's state tells. */
  read(): void {
    const { values, readBytes } = this.#binding.state;
    const bytesRead = values[readBytes] ?? 0;
    if (bytesRead > 0) this.#owner.onRead(bytesRead === sharedBuffer.length ? sharedBuffer : sharedBuffer.subarray(0, bytesRead));
    else if (bytesRead === END_OF_FILE) this.#peerEnded();
    else if (bytesRead < 0) this.fail(bytesRead);
  }

  #peerEnded(): void {
    if (this.#hasPeerEnded) return;
    this.#hasPeerEnded = true;
    this.#owner.onDuctEnd();
    if (this.#isEnded) this.destroy();
  }

  /** Breaks it, for an error number of the system. */
  fail(error: number): void {
    if (this.isDestroyed) return;
    this.#owner.onDuctError(getSystemErrorName(error));
    this.destroy();
  }

  resume(): void {
    if (this.#isReading || this.isDestroyed || this.#hasPeerEnded) return;
    this.#isReading = true;
    if (this.#isConnected) this.#handle.readStart();
  }

  pause(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    if (!this.isDestroyed && this.#isConnected) this.#handle.readStop();
  }

  /** The handle is connected: reading may begin. */
  connected(): void {
    this.#isConnected = true;
    if (this.#isReading) this.#handle.readStart();
  }

  writeText(text: string): void {
    const request = this.#request();
    this.#track(request, this.#handle.writeLatin1String(request, text), text, NO_SLABS);
  }

  writeParts(parts: readonly Uint8Array[], slabs: readonly Buffer[]): void {
    const request = this.#request();
    const [only] = parts;
    const error =
      parts.length === 1 && only !== undefined ? this.#handle.writeBuffer(request, only) : this.#handle.writev(request, parts, true);
    this.#track(request, error, parts, slabs);
  }

  #request(): WriteRequest {
    const request = spare ?? this.#binding.writeRequest();
    spare = undefined;
    return request;
  }

  #track(request: WriteRequest, error: number, parts: unknown, slabs: readonly Buffer[]): void {
    const { state } = this.#binding;
    if (error !== 0) {
      this.fail(error);
    } else if (state.values[state.wasAsync] === 0) {
      spare = request;
      releaseSlabs(slabs);
    } else {
      request.bytes = state.values[state.bytesWritten] ?? 0;
      request.slabs = slabs;
      request.parts = parts;
      request.duct = this;
      request.oncomplete = onWritten;
      this.pendingBytes += request.bytes;
    }
  }

  /** A write that the kernel did not take at once is done. */
  written(bytes: number, slabs: readonly Buffer[], status: number): void {
    this.pendingBytes -= bytes;
    // after an error it is not known who still reads the slabs
    if (status < 0) {
      this.fail(status);
      return;
    }
    releaseSlabs(slabs);
    if (this.pendingBytes === 0 && !this.isDestroyed) this.#owner.onDuctDrain();
  }

  end(): void {
    if (this.#isEnding || this.isDestroyed) return;
    this.#isEnding = true;
    if (this.#hasPeerEnded && this.pendingBytes === 0) {
      // closing tells the peer of the end too: a system call and a callback less
      queueMicrotask(() => this.ended(0));
      return;
    }
    const request: HandleRequest & Owned = this.#binding.shutdownRequest();
    request.duct = this;
    request.oncomplete = onShutdown;
    const error = this.#handle.shutdown(request);
    if (error !== 0) this.ended(error === 1 ? 0 : error);
  }

  /** Our side has ended; `status` is an error, or 0. */
  ended(status: number): void {
    if (this.isDestroyed) return;
    this.#isEnded = true;
    if (status < 0 && status !== NOT_CONNECTED) {
      this.fail(status);
      return;
    }
    this.#owner.onDuctDrain();
    if (this.#hasPeerEnded) this.destroy();
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#handle.close(onClosed);
  }

  reset(): void {
    // libuv resets nothing while an end is on its way, and would leave the handle open
    if (this.#isEnding && !this.#isEnded) {
      this.destroy();
      return;
    }
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.#handle.reset(onClosed);
  }

  /** The handle is gone. */
  closed(): void {
    this.#handle.duct = undefined;
    this.#owner.onDuctClose();
  }
}
