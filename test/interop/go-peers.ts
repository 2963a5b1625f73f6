/** Finds what interoperability tests use of Go's: h2spec, and gRPC's own interop client and server. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The module that pins them all, and is the server. */
export const goModule = path.join(import.meta.dirname, 'go-peers');

/** The packages that are built of it, the server as `.`. */
export const GO_PACKAGES = ['.', 'github.com/summerwind/h2spec/cmd/h2spec', 'google.golang.org/grpc/interop/client'] as const;

const version = createHash('sha256')
  .update(readFileSync(path.join(goModule, 'go.sum')))
  .update(readFileSync(path.join(goModule, 'main.go')))
  .digest('hex')
  .slice(0, 12);

/** Where `node tools/install-peers.ts` builds them; another folder for other versions. */
export const goPeersFolder = path.join(homedir(), '.cache/tulle/go-peers', version);

const BINARIES = { h2spec: 'h2spec', grpcClient: 'client', grpcServer: 'go-peers' } as const;

/** The path of a program that was built. */
export const goPeer = (name: keyof typeof BINARIES): string => path.join(goPeersFolder, BINARIES[name]);

/** Why tests that need them are skipped, or false where they are there. */
export const goPeersMissing: string | false = Object.values(BINARIES).every((file) => existsSync(path.join(goPeersFolder, file)))
  ? false
  : 'not built; where Go is installed: node tools/install-peers.ts';
