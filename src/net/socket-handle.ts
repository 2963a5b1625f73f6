/** Descriptors of Node's sockets and servers, which it does not document; undefined where it has none to give. */
export function descriptorOf(socket: object): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
