/** Two network namespaces that see each other, as an instance and its peer do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { NetworkNamespace } from '../../src/net/netns.ts';
import { createNetworkNamespace } from '../../src/net/netns.ts';

/** Why tests in network namespaces cannot run here; false where they can. */
export const skip =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs Linux and root'
    : spawnSync('ip', ['-V']).status !== 0
      ? 'needs ip (Debian: iproute2)'
      : false;

/** Runs a tool of the system, in a namespace or here, and fails the test where it fails. */
export function tool(namespace: NetworkNamespace | undefined, command: string, args: readonly string[], input = ''): void {
  const start = (): ReturnType<typeof spawnSync> => spawnSync(command, args, { input });
  const run = namespace === undefined ? start() : namespace.run(start);
  assert.equal(run.status, 0, `${command} ${args.join(' ')}: ${String(run.stderr)}`);
}

/** Two namespaces joined by a cable: `app` is intercepted, `peer` is not. */
export function pair(install: (app: NetworkNamespace) => void): { app: NetworkNamespace; peer: NetworkNamespace } {
  const app = createNetworkNamespace();
  const peer = createNetworkNamespace();
  tool(
    app,
    'ip',
    ['-batch', '-'],
    `link set lo up\nlink add eth0 type veth peer name eth0 netns ${peer.path}\naddr add ::6/128 dev lo nodad\n`,
  );
  tool(peer, 'ip', ['link', 'set', 'lo', 'up']);
  for (const [namespace, host] of [
    [app, 2],
    [peer, 3],
  ] as const) {
    const lines = [
      `addr add 10.127.250.${host}/24 dev eth0`,
      `addr add fd74:756c:6c65:250::${host}/64 dev eth0 nodad`,
      'link set eth0 up',
      `route add default via 10.127.250.${5 - host}`,
      `-6 route add fc00::/7 via fd74:756c:6c65:250::${5 - host}`,
    ];
    for (const line of lines) tool(namespace, 'ip', line.split(' '));
  }
  install(app);
  return { app, peer };
}
