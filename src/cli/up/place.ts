/** Where instances live: what transparent mode and explicit mode have in common. */
import type { Socket } from 'node:net';
import type { JsonObject } from '@bufbuild/protobuf';
import type { Workload, WorkloadPort } from '../../model/workload.ts';

/** A port as the proxy registers it. */
export interface PlacedPort extends WorkloadPort {
  /** Where peers reach it. */
  readonly listen: number;
  /** Where the application listens, if not on `number`. */
  readonly appPort?: number;
}

/** The network around one instance, held until released. */
export interface Place {
  /** IPv4 first. */
  readonly addresses: readonly string[];
  readonly ports: readonly PlacedPort[];
  /** Where its proxy takes tunnels of peers (HBONE); undefined where it takes none. */
  readonly hbonePort: number | undefined;
  /** What its proxy's node metadata says of the place: top-level keys, and keys under `TULLE`. */
  readonly metadata: JsonObject;
  readonly tulleMetadata: JsonObject;
  /** Name servers that its proxy asks for hosts outside the mesh; absent: the machine's. */
  readonly nameServers?: readonly string[];
  /** Environment of the application. */
  readonly env: Readonly<Record<string, string>>;
  /** Group of the proxy, by which interception knows it. */
  readonly proxyGid: number | undefined;
  /** Runs a synchronous action (spawning) inside. */
  readonly start: <T>(action: () => T) => T;
  /** A connection to one of the application's declared ports. */
  connect(port: number, timeoutMs: number): Promise<Socket>;
  release(): void;
}

/** What places stand on; made once by `tulle up`, joined by `tulle run`. */
export interface Ground {
  readonly mode: 'transparent' | 'explicit';
  place(workload: Workload): Promise<Place>;
}
