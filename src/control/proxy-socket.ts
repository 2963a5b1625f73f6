/** The admin interface of a proxy of this machine, which listens on a Unix socket in the state directory. */
import path from 'node:path';

/** A node id is the proxy's own word: what is made of it must not lead out of the folder. */
const NAME = /^[a-z0-9][a-z0-9.-]*$/;

/** Where the proxy of that name (`web-0.shop`) has its socket; undefined for what is no name. */
export function proxyAdminSocket(stateDir: string, name: string): string | undefined {
  return NAME.test(name) ? path.join(stateDir, 'proxies', name, 'admin.sock') : undefined;
}
