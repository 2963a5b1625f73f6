/** Finds what interoperability tests use of Go's: h2spec, gRPC's own interop client and server, and OpenTelemetry's collector. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The module that pins them all, and is the server. */
export const goModule = path.join(import.meta.dirname, 'go-peers');

/** The packages that are built of it, the server as `.`. */
export const GO_PACKAGES = ['.', 'github.com/summerwind/h2spec/cmd/h2spec', 'google.golang.org/grpc/interop/client'] as const;

/** Where what a module is built to goes, below `name`; another folder for other versions. */
function folderOf(name: string, module: string): string {
  const hash = createHash('sha256');
  for (const file of ['go.sum', 'main.go']) hash.update(readFileSync(path.join(module, file)));
  return path.join(homedir(), '.cache/tulle', name, hash.digest('hex').slice(0, 12));
}

/** Where `node tools/install-peers.ts` builds them. */
export const goPeersFolder = folderOf('go-peers', goModule);

const BINARIES = { h2spec: 'h2spec', grpcClient: 'client', grpcServer: 'go-peers' } as const;

/** The path of a program that was built. */
export const goPeer = (name: keyof typeof BINARIES): string => path.join(goPeersFolder, BINARIES[name]);

const NOT_BUILT = 'not built; where Go is installed: node tools/install-peers.ts';

/** Why tests that need them are skipped, or false where they are there. */
export const goPeersMissing: string | false = Object.values(BINARIES).every((file) => existsSync(path.join(goPeersFolder, file)))
  ? false
  : NOT_BUILT;

/** The module of the collector: by itself, for it needs other versions of gRPC. */
export const collectorModule = path.join(import.meta.dirname, 'collector');

export const collectorFolder = folderOf('collector', collectorModule);

/** Why tests that need it are skipped, or false where it is there. */
export const collectorMissing: string | false = existsSync(path.join(collectorFolder, 'collector')) ? false : NOT_BUILT;
