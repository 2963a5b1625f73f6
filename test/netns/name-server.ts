/** A name server of the world outside, as a process: `name-server.ts <address>` knows one name, on port 53. */
import { silentLog } from '../../src/core/log.ts';
import { startDnsServer } from '../../src/net/dns-server.ts';

export const OUTSIDE_NAME = 'example.test';
export const OUTSIDE_ADDRESS = '192.0.2.80';

const [address] = process.argv.slice(2);
if (import.meta.main && address !== undefined) {
  await startDnsServer({
    address,
    port: 53,
    upstreams: [],
    resolve: (name, type) => (name !== OUTSIDE_NAME ? undefined : type === 'A' ? [OUTSIDE_ADDRESS] : []),
    log: silentLog,
  });
  process.stdout.write('ready\n');
}
