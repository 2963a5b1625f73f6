import type { NetAddress } from './address.ts';
import type { DuctOwner } from './duct.ts';
import { HandleDuct } from './handle-duct.ts';
import type { KeepAlive } from './keep-alive.ts';
import type { TcpBinding, TcpHandle } from './tcp-binding.ts';

/** How a handle connects. */
export interface HandleDialOptions {
  /** Source address to bind. */
  readonly bind?: string | undefined;
  /** TCP keep-alive; absent: none. */
  readonly keepAlive?: KeepAlive | undefined;
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** Begins to connect. Gives 0, or a negative error number. */
function begin(
  binding: TcpBinding,
  handle: TcpHandle,
  address: NetAddress,
  bind: string | undefined,
  done: (status: number) => void,
): number {
  const isIpv6 = address.host.includes(':');
  if (bind !== undefined) {
    const error = bind.includes(':') ? handle.bind6(bind, 0, 0) : handle.bind(bind, 0);
    if (error !== 0) return error;
  }
  const request = binding.connectRequest();
  request.oncomplete = done;
  return isIpv6 ? handle.connect6(request, address.host, address.port) : handle.connect(request, address.host, address.port);
}

/**
 * Connects a handle to an IP address. `onConnect` is called once it is; a failure is told as the duct's error and
 * close. It reads nothing before that, whatever is asked.
 */
export function dialHandle(
  binding: TcpBinding,
  address: NetAddress,
  { bind, keepAlive }: HandleDialOptions,
  owner: DuctOwner,
  onConnect: () => void,
): HandleDuct {
  const handle = binding.createHandle();
  const duct = new HandleDuct(binding, handle, owner, false);
  handle.setNoDelay(true);
  const error = begin(binding, handle, address, bind, (status) => {
    if (duct.isDestroyed) return;
    if (status < 0) {
      duct.fail(status);
      return;
    }
    if (keepAlive !== undefined) handle.setKeepAlive(true, seconds(keepAlive.idleMs), seconds(keepAlive.intervalMs), keepAlive.probes);
    duct.connected();
    onConnect();
  });
  // closing is told later by itself, so nobody hears of it inside of this call
  if (error !== 0) duct.fail(error);
  return duct;
}
