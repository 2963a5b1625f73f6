/** For tests of flow control: what is written while nobody reads, and what comes once somebody does. */
import type net from 'node:net';

/** Waits until a count stands still. */
export async function standingStill(count: () => number): Promise<void> {
  let before = -1;
  while (count() !== before) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Lets a paused socket read until so many bytes have come. */
export async function readOn(socket: net.Socket, bytes: number): Promise<void> {
  let got = 0;
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      got += chunk.length;
      if (got >= bytes) resolve();
    });
    socket.resume();
  });
}
