/**
 * Secrets from servers of SDS (`api_config_source`), as Istio's agent is one on a Unix socket: a stream for each name, so
 * that one that a server cannot answer keeps none of the others back.
 */
import type { Random } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { AdsResource } from '../../xds/client.ts';
import type { Bootstrap } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import type { Node } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { ApiConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import { SecretDiscoveryService } from '../../xds/gen/envoy/service/secret/v3/sds_pb.ts';
import { SECRET_TYPE } from '../../xds/types.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { createAdsConnection } from './ads-connection.ts';
import { readApiSource } from './ads-target.ts';

/** A source whose secrets can be asked for. */
interface SecretSource {
  /** Asks for a name, until the result is called. */
  ask(name: string): () => void;
}

/** Reads a source; `path` is its own. Throws ConfigError where its server cannot be known. */
export type ReadSecretSource = (source: ApiConfigSource, path: string) => SecretSource;

export interface SecretSourcesOptions {
  readonly bootstrap: Bootstrap;
  readonly node: Node;
  readonly random: Random;
  readonly log: Log;
  /** The proxy's root. */
  readonly stats: StatsScope;
  /** Takes a response over. Throws ConfigError naming what is refused. */
  readonly receive: (resources: readonly AdsResource[]) => void;
}

const SERVICE = { stream: SecretDiscoveryService.method.streamSecrets, delta: SecretDiscoveryService.method.deltaSecrets };

/** Prepares the reading of sources; nothing is connected before a name is asked for. */
export function createSecretSources(options: SecretSourcesOptions): ReadSecretSource {
  const { bootstrap, node, random, log, receive } = options;
  return (source, path) => {
    const settings = readApiSource(source, path, bootstrap);
    return {
      ask(name) {
        const connection = createAdsConnection({
          ...settings,
          service: SERVICE,
          peer: `the server of secrets, for ${name}`,
          node,
          random,
          log,
          stats: options.stats.scope(`sds.${name}`),
          handler: { onResources: (_type, resources) => receive(resources) },
        });
        connection.subscribe(SECRET_TYPE, [name]);
        connection.start();
        return () => connection.close();
      },
    };
  };
}
