/**
 * Secrets by SDS name, from whoever has them: the proxy's own identity, the bootstrap, files, the server of ADS, or one
 * of SDS alone. What uses one watches it; a name that nobody watches any more is not asked for any more.
 */
import { toBinary } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { contextOptions, createTlsContext, DEFAULT_TLS_PARAMETERS } from '../../net/tls-context.ts';
import type { AdsResource } from '../../xds/client.ts';
import type { ConfigSource } from '../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { CertificateValidationContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { SECRET_TYPE } from '../../xds/types.ts';
import type { SecretStatus } from '../admin/view.ts';
import { CertificateUses } from '../tls/certificate-uses.ts';
import { readDataSource } from '../tls/data-source.ts';
import { filesOfTrust } from '../tls/file-secrets.ts';
import { filesOfCertificate, readKeyPair } from '../tls/key-pair.ts';
import { readTicketKeys } from '../tls/ticket-keys.ts';
import { compileSanMatchers } from '../tls/san-matcher.ts';
import { readValidation } from '../tls/validation.ts';
import { contentsOf, foldersOf, watchFolders } from '../tls/watched-files.ts';
import { mountedSecret } from './mounted-secret.ts';
import type { ReadSecretSource } from './secret-sources.ts';
import type { KeyPair, SecretStore, TicketKeys, TrustBundle, Watched } from './secret-store.ts';
import { applyEach, sameBytes, type Subscriptions } from './subscriptions.ts';
import { decodeResource } from './typed-config.ts';

/** Loads a file of secrets, now and whenever it, or the given folder, changes. */
type WatchSecretFile = (file: string, directory: string | undefined, onSecrets: (secrets: readonly Secret[]) => void) => void;

export interface SecretsOptions {
  readonly subscriptions: Subscriptions;
  /** Names that the proxy answers itself; their values come by `set`. */
  readonly ownNames: ReadonlySet<string>;
  readonly watchFile: WatchSecretFile;
  /** Reads a server of SDS. */
  readonly readSource: ReadSecretSource;
  /** Told of a secret that changed on disk, and cannot be used: the former one stays. */
  onBadSecret?(name: string, reason: string): void;
}

export interface SecretValue {
  readonly keyPair?: KeyPair | undefined;
  readonly trust?: TrustBundle | undefined;
  readonly ticketKeys?: TicketKeys | undefined;
}

interface Entry {
  value: SecretValue;
  bytes: Uint8Array | undefined;
  readonly watchers: Set<() => void>;
  /** Gives the name up with the server that it was asked for. */
  stopAsking: (() => void) | undefined;
  /** Stops watching the files that the secret names. */
  stopFiles: (() => void) | undefined;
  /** The secret, with what its files held, that `value` is of. */
  print: string | undefined;
  /** The same of the last one that was refused. */
  refused: string | undefined;
}

/** Makes a context of a secret alone: what OpenSSL refuses is the secret's fault, and its sender is to know. */
function tryContext(pairs: readonly KeyPair[], roots: string | undefined, crls: readonly string[], path: string): void {
  try {
    createTlsContext(contextOptions(DEFAULT_TLS_PARAMETERS, pairs, { roots, crls }));
  } catch (cause) {
    throw new ConfigError(path, messageOf(cause), { cause });
  }
}

function readTrust(context: CertificateValidationContext, path: string): TrustBundle {
  if (context.trustedCa === undefined) {
    // names count only with the roots of whoever uses the secret
    compileSanMatchers(context, path);
    return { roots: undefined, rules: context };
  }
  const validation = readValidation(context, path);
  tryContext([], validation.roots, validation.crls, path);
  return { roots: readDataSource(context.trustedCa, `${path}.trusted_ca`), rules: context };
}

/** The value of a Secret message. Throws ConfigError. */
function readSecret(secret: Secret, path: string): SecretValue {
  const { type } = secret;
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`);
  switch (type.case) {
    case 'tlsCertificate': {
      const keyPair = readKeyPair(type.value, at('tls_certificate'));
      tryContext([keyPair], undefined, [], at('tls_certificate'));
      return { keyPair };
    }
    case 'validationContext':
      return { trust: readTrust(type.value, at('validation_context')) };
    case 'sessionTicketKeys':
      return { ticketKeys: readTicketKeys(type.value, at('session_ticket_keys')) };
    default:
      throw new ConfigError(path, 'is neither a tls_certificate nor a validation_context nor session_ticket_keys');
  }
}

function filesOfSecret({ type }: Secret): readonly string[] {
  if (type.case === 'tlsCertificate') return filesOfCertificate(type.value);
  return type.case === 'validationContext' ? filesOfTrust(type.value) : [];
}

/** The folders whose changes mean that a secret's files are to be read anew. */
function foldersOfSecret(secret: Secret): readonly string[] {
  const { type } = secret;
  const hasFolder = type.case === 'tlsCertificate' || type.case === 'validationContext';
  return foldersOf(filesOfSecret(secret), hasFolder ? type.value.watchedDirectory?.path : undefined);
}

/** Another text for another secret, and for other contents of its files. */
function printOf(secret: Secret): string {
  return `${Buffer.from(toBinary(SecretSchema, secret)).toString('latin1')} ${contentsOf(filesOfSecret(secret))}`;
}

function fileOf(source: ConfigSource | undefined): string | undefined {
  const specifier = source?.configSourceSpecifier;
  if (specifier?.case === 'path') return specifier.value;
  return specifier?.case === 'pathConfigSource' ? specifier.value.path : undefined;
}

function folderOf(source: ConfigSource | undefined): string | undefined {
  const specifier = source?.configSourceSpecifier;
  return specifier?.case === 'pathConfigSource' ? specifier.value.watchedDirectory?.path : undefined;
}

export class Secrets implements SecretStore {
  readonly #options: SecretsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #files = new Set<string>();
  readonly #statics = new Set<string>();
  readonly uses = new CertificateUses();

  constructor(options: SecretsOptions) {
    this.#options = options;
  }

  keyPair(sdsName: string, source?: ConfigSource): Watched<KeyPair> {
    return this.#watched(sdsName, source, (value) => value.keyPair);
  }

  trust(sdsName: string, source?: ConfigSource): Watched<TrustBundle> {
    return this.#watched(sdsName, source, (value) => value.trust);
  }

  ticketKeys(sdsName: string, source?: ConfigSource): Watched<TicketKeys> {
    return this.#watched(sdsName, source, (value) => value.ticketKeys);
  }

  /** Adds a secret of the bootstrap. */
  addStatic(secret: Secret, path: string): void {
    if (this.#statics.has(secret.name)) throw new ConfigError(`${path}.name`, `"${secret.name}" stands twice`);
    this.#statics.add(secret.name);
    this.#load(secret, path);
  }

  /** Takes a secret over, and reads it anew whenever files that it names change. Throws ConfigError. */
  #load(secret: Secret, path: string): void {
    const entry = this.#entry(secret.name);
    const print = printOf(secret);
    // whoever uses it would make a new context, with new keys of tickets, for the same certificate
    if (entry.print === print) return;
    const value = readSecret(secret, path);
    entry.stopFiles?.();
    entry.stopFiles = undefined;
    entry.print = print;
    this.set(secret.name, value);
    const folders = foldersOfSecret(secret);
    if (folders.length > 0) entry.stopFiles = watchFolders(folders, () => this.#tryLoad(secret, path));
  }

  #tryLoad(secret: Secret, path: string): void {
    const entry = this.#entry(secret.name);
    const print = printOf(secret);
    if (entry.print === print) return;
    try {
      const value = readSecret(secret, path);
      entry.print = print;
      this.set(secret.name, value);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (entry.refused === print) return;
      entry.refused = print;
      this.#options.onBadSecret?.(secret.name, messageOf(error));
    }
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
      this.#load(decodeResource(resource.any, SecretSchema, ''), '');
      entry.bytes = resource.any;
    });
  }

  /** What is known, for the admin interface. */
  status(): SecretStatus[] {
    return [...this.#entries].map(([name, { value }]) => ({ name, keyPair: value.keyPair, trust: value.trust }));
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    entry = {
      value: {},
      bytes: undefined,
      watchers: new Set(),
      stopAsking: undefined,
      stopFiles: undefined,
      print: undefined,
      refused: undefined,
    };
    this.#entries.set(name, entry);
    return entry;
  }

  #ask(name: string, entry: Entry, source: ConfigSource | undefined): void {
    if (this.#options.ownNames.has(name) || this.#statics.has(name) || entry.stopAsking !== undefined) return;
    const file = fileOf(source);
    if (file === undefined) {
      entry.stopAsking = this.#askServer(name, source);
      return;
    }
    if (this.#files.has(file)) return;
    this.#files.add(file);
    this.#options.watchFile(file, folderOf(source), (secrets) => {
      for (const secret of secrets) this.#load(secret, secret.name);
    });
  }

  #askServer(name: string, source: ConfigSource | undefined): () => void {
    const { subscriptions, readSource } = this.#options;
    const specifier = source?.configSourceSpecifier;
    if (specifier?.case !== 'apiConfigSource') {
      subscriptions.subscribe(SECRET_TYPE, [name]);
      return () => subscriptions.unsubscribe(SECRET_TYPE, [name]);
    }
    try {
      return readSource(specifier.value, 'sds_config.api_config_source').ask(name);
    } catch (error) {
      const mounted = mountedSecret(name);
      if (!(error instanceof ConfigError) || mounted === undefined) throw error;
      this.#load(mounted, '');
      return () => {};
    }
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
          if (entry.watchers.size === 0) this.#leave(entry);
        };
      },
    };
  }

  #leave(entry: Entry): void {
    const { stopAsking } = entry;
    if (stopAsking === undefined) return;
    entry.stopAsking = undefined;
    entry.bytes = undefined;
    entry.print = undefined;
    entry.stopFiles?.();
    entry.stopFiles = undefined;
    stopAsking();
  }
}
