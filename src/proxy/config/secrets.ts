/**
 * Secrets by SDS name, from whoever has them: the proxy's own identity, the bootstrap, files, or the server of ADS.
 * What uses one watches it; a name of ADS that nobody watches any more is not asked for any more.
 */
import { isFieldSet } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import type { AdsResource } from '../../xds/client.ts';
import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import {
  type CertificateValidationContext,
  CertificateValidationContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SECRET_TYPE } from '../../xds/types.ts';
import type { SecretStatus } from '../admin/view.ts';
import { readDataSource } from '../tls/data-source.ts';
import type { KeyPair, SecretStore, TrustBundle, Watched } from './secret-store.ts';
import { applyEach, sameBytes, type Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

export interface SecretsOptions {
  readonly subscriptions: Subscriptions;
  /** Names that the proxy answers itself; their values come by `set`. */
  readonly ownNames: ReadonlySet<string>;
  /** Loads a file of secrets, now and whenever it changes. */
  watchFile(file: string, onSecrets: (secrets: readonly Secret[]) => void): void;
}

export interface SecretValue {
  readonly keyPair?: KeyPair | undefined;
  readonly trust?: TrustBundle | undefined;
}

interface Entry {
  value: SecretValue;
  bytes: Uint8Array | undefined;
  readonly watchers: Set<() => void>;
  isAskedFor: boolean;
}

/** The value of a Secret message. Throws ConfigError. */
function readSecret(secret: Secret, path: string): SecretValue {
  const { type } = secret;
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`);
  if (type.case === 'tlsCertificate') {
    return {
      keyPair: {
        certificateChain: readDataSource(type.value.certificateChain, at('tls_certificate.certificate_chain')),
        privateKey: readDataSource(type.value.privateKey, at('tls_certificate.private_key')),
      },
    };
  }
  if (type.case !== 'validationContext') throw new ConfigError(path, 'is neither a tls_certificate nor a validation_context');
  refuseRules(type.value, at('validation_context'));
  return { trust: { roots: readDataSource(type.value.trustedCa, at('validation_context.trusted_ca')) } };
}

/** A secret brings roots; what else is asked of peers stands where the secret is used. */
function refuseRules(context: CertificateValidationContext, path: string): void {
  for (const field of CertificateValidationContextSchema.fields) {
    if (field.name === 'trusted_ca' || !isFieldSet(context, field)) continue;
    throw new ConfigError(`${path}.${field.name}`, 'is not supported by Tulle in a secret: put it into the default_validation_context');
  }
}

function fileOf(source: ConfigSource | undefined): string | undefined {
  const specifier = source?.configSourceSpecifier;
  if (specifier?.case === 'path') return specifier.value;
  return specifier?.case === 'pathConfigSource' ? specifier.value.path : undefined;
}

export class Secrets implements SecretStore {
  readonly #options: SecretsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #files = new Set<string>();
  readonly #statics = new Set<string>();

  constructor(options: SecretsOptions) {
    this.#options = options;
  }

  keyPair(sdsName: string, source?: ConfigSource): Watched<KeyPair> {
    return this.#watched(sdsName, source, (value) => value.keyPair);
  }

  trust(sdsName: string, source?: ConfigSource): Watched<TrustBundle> {
    return this.#watched(sdsName, source, (value) => value.trust);
  }

  /** Adds a secret of the bootstrap. */
  addStatic(secret: Secret, path: string): void {
    if (this.#statics.has(secret.name)) throw new ConfigError(`${path}.name`, `"${secret.name}" stands twice`);
    this.#statics.add(secret.name);
    this.set(secret.name, readSecret(secret, path));
  }

  /** Gives a name its value, and tells those who watch it. */
  set(name: string, value: SecretValue): void {
    const entry = this.#entry(name);
    entry.value = value;
    for (const callback of entry.watchers) callback();
  }

  /** Takes over a response of SDS. Throws ConfigError naming what is refused; former values stay. */
  receive(resources: readonly AdsResource[]): void {
    applyEach(resources, (resource) => {
      const entry = this.#entries.get(resource.name);
      if (entry === undefined || sameBytes(entry.bytes, resource.any)) return;
      const value = readSecret(decodeResource(resource.any, SecretSchema, ''), '');
      entry.bytes = resource.any;
      this.set(resource.name, value);
    });
  }

  /** What is known, for the admin interface. */
  status(): SecretStatus[] {
    return [...this.#entries].map(([name, { value }]) => ({ name, keyPair: value.keyPair, trust: value.trust }));
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) this.#entries.set(name, (entry = { value: {}, bytes: undefined, watchers: new Set(), isAskedFor: false }));
    return entry;
  }

  #ask(name: string, entry: Entry, source: ConfigSource | undefined): void {
    if (this.#options.ownNames.has(name) || this.#statics.has(name) || entry.isAskedFor) return;
    const file = fileOf(source);
    if (file === undefined) {
      entry.isAskedFor = true;
      this.#options.subscriptions.subscribe(SECRET_TYPE, [name]);
      return;
    }
    if (this.#files.has(file)) return;
    this.#files.add(file);
    this.#options.watchFile(file, (secrets) => {
      for (const secret of secrets) this.set(secret.name, readSecret(secret, secret.name));
    });
  }

  #watched<Value>(name: string, source: ConfigSource | undefined, read: (value: SecretValue) => Value | undefined): Watched<Value> {
    const entry = this.#entry(name);
    this.#ask(name, entry, source);
    return {
      current: () => read(entry.value),
      watch: (callback) => {
        // two watchers may share a function
        const own = (): void => callback();
        this.#ask(name, entry, source);
        entry.watchers.add(own);
        return () => {
          entry.watchers.delete(own);
          if (entry.watchers.size === 0) this.#leave(name, entry);
        };
      },
    };
  }

  #leave(name: string, entry: Entry): void {
    if (!entry.isAskedFor) return;
    entry.isAskedFor = false;
    entry.bytes = undefined;
    this.#options.subscriptions.unsubscribe(SECRET_TYPE, [name]);
  }
}
