/** CommonTlsContext: what both sides of TLS are configured with, and the context made of it, made anew when a secret changes. */
import { clone, create, merge } from '@bufbuild/protobuf';
import type { SecureContextOptions } from 'node:tls';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { contextOptions, createTlsContext, type TlsParameters } from '../../net/tls-context.ts';
import { DataSourceSchema } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type CertificateValidationContext,
  CertificateValidationContextSchema,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { SdsSecretConfig } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { CommonTlsContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { fingerprintOf } from '../../net/peer-certificate.ts';
import type { KeyPair, SecretStore, TrustBundle, Watched } from '../config/secret-store.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { certificatesOf } from './chain.ts';
import { filesOfTrust, staticKeyPair, watchedFiles } from './file-secrets.ts';
import { readParameters } from './parameters.ts';
import { readValidation, type Validation } from './validation.ts';

/** Where trust comes from: the configuration, a secret, or both together. */
interface TrustSource {
  readonly path: string;
  readonly own: CertificateValidationContext;
  readonly secret: Watched<TrustBundle> | undefined;
  /** Changes of files that `own` names; undefined where nobody watches them. */
  readonly files: Watched<true> | undefined;
}

export interface TlsSettings {
  readonly parameters: TlsParameters;
  readonly keyPairs: readonly Watched<KeyPair>[];
  /** Undefined: peers' certificates are not asked for (downstream) or not looked at (upstream). */
  readonly trust: TrustSource | undefined;
  readonly alpn: readonly string[];
  /** Names of the secrets of `keyPairs`; undefined where the configuration itself holds one. */
  readonly names: readonly (string | undefined)[];
  /** That of `trust`. */
  readonly trustName: string | undefined;
}

/** What peers are asked for, of the configuration and of a secret's message together. Throws ConfigError. */
function compileTrust({ own, path }: TrustSource, bundle: TrustBundle | undefined, needsPath: boolean): Validation {
  if (bundle === undefined) return readValidation(own, path, needsPath);
  const merged = clone(CertificateValidationContextSchema, own);
  if (bundle.rules !== undefined) merge(CertificateValidationContextSchema, merged, bundle.rules);
  // as it was read when the secret came, also where it names a file
  if (bundle.roots !== undefined) merged.trustedCa = create(DataSourceSchema, { specifier: { case: 'inlineString', value: bundle.roots } });
  return readValidation(merged, path, needsPath);
}

function namedTrust(config: SdsSecretConfig | undefined, secrets: SecretStore, path: string): Watched<TrustBundle> {
  if (config === undefined || config.name === '') throw new ConfigError(path, 'the secret has no name');
  return secrets.trust(config.name, config.sdsConfig);
}

function readTrust(common: CommonTlsContext, path: string, secrets: SecretStore): TrustSource | undefined {
  const type = common.validationContextType;
  const none = create(CertificateValidationContextSchema);
  switch (type.case) {
    case undefined:
      return undefined;
    case 'validationContext': {
      const at = `${path}.validation_context`;
      const files =
        type.value.watchedDirectory === undefined ? undefined : watchedFiles(filesOfTrust(type.value), type.value.watchedDirectory.path);
      return { path: at, own: type.value, secret: undefined, files };
    }
    case 'validationContextSdsSecretConfig': {
      const at = `${path}.validation_context_sds_secret_config`;
      return { path: at, own: none, secret: namedTrust(type.value, secrets, at), files: undefined };
    }
    case 'combinedValidationContext': {
      const at = `${path}.combined_validation_context`;
      const secret = namedTrust(type.value.validationContextSdsSecretConfig, secrets, `${at}.validation_context_sds_secret_config`);
      return { path: `${at}.default_validation_context`, own: type.value.defaultValidationContext ?? none, secret, files: undefined };
    }
    default:
      throw new ConfigError(path, `${type.case} is not supported`);
  }
}

function trustNameOf({ validationContextType: type }: CommonTlsContext): string | undefined {
  if (type.case === 'validationContextSdsSecretConfig') return type.value.name;
  return type.case === 'combinedValidationContext' ? type.value.validationContextSdsSecretConfig?.name : undefined;
}

/** Reads a CommonTlsContext; `path` is its own. Throws ConfigError also for keys and ciphers that OpenSSL refuses. */
export function readTlsSettings(common: CommonTlsContext, path: string, secrets: SecretStore): TlsSettings {
  // as Envoy: certificates in the configuration count alone
  const named = common.tlsCertificates.length > 0 ? [] : common.tlsCertificateSdsSecretConfigs;
  const trust = readTrust(common, path, secrets);
  const settings: TlsSettings = {
    parameters: readParameters(common.tlsParams, `${path}.tls_params`),
    keyPairs: [
      ...common.tlsCertificates.map((certificate, i) => staticKeyPair(certificate, `${path}.tls_certificates[${i}]`)),
      ...named.map((config) => secrets.keyPair(config.name, config.sdsConfig)),
    ],
    trust,
    alpn: common.alpnProtocols,
    names: [...common.tlsCertificates.map(() => undefined), ...named.map(({ name }) => name)],
    trustName: trustNameOf(common),
  };
  check(settings, path);
  return settings;
}

/** Makes a context of each pair by itself, as several of one kind cannot share one. Throws Error. */
function tryEach(pairs: readonly KeyPair[], optionsWith: (own: readonly KeyPair[]) => SecureContextOptions): void {
  for (const own of pairs.length === 0 ? [[]] : pairs.map((pair) => [pair])) createTlsContext(optionsWith(own));
}

/** Makes a context of what is there already, to find what is wrong while it can still be a NACK. */
function check(settings: TlsSettings, path: string): void {
  const pairs = settings.keyPairs.map((pair) => pair.current()).filter((pair) => pair !== undefined);
  const { trust } = settings;
  const bundle = trust?.secret?.current();
  // names without roots are wrong only once the roots could be there
  const isWhole = trust !== undefined && (trust.secret === undefined || bundle !== undefined);
  const validation = isWhole ? compileTrust(trust, bundle, false) : undefined;
  const anchors = { roots: validation?.roots, crls: validation?.crls ?? [] };
  try {
    tryEach(pairs, (own) => contextOptions(settings.parameters, own, anchors));
  } catch (cause) {
    throw new ConfigError(path, messageOf(cause), { cause });
  }
}

/** Everything that a handshake goes by, as the secrets are now. */
export interface VersionedContext {
  /** A context with these of our certificates. */
  readonly optionsWith: (pairs: readonly KeyPair[]) => SecureContextOptions;
  /** Another number for every change of the secrets: upstream sessions of a former one are not resumed. */
  readonly version: number;
  readonly keyPairs: readonly KeyPair[];
  readonly validation: Validation | undefined;
}

/** Who uses a context, for lists and statistics. */
export interface ContextUser {
  /** `listener.<address>` or `cluster.<name>`. */
  readonly usedBy: string;
  readonly secrets: SecretStore;
  readonly stats: StatsScope;
  /** Called after each change of the secrets; `error` where the new ones cannot be used, and the former stay. */
  onUpdate(error: string | undefined): void;
}

/** The context in force; connections that exist keep the one they were made with. */
export class ContextSource {
  readonly #settings: TlsSettings;
  readonly #user: ContextUser;
  readonly #stops: (() => void)[] = [];
  #current: VersionedContext | undefined;
  #version = 0;
  readonly #onChange: (() => void)[] = [];

  constructor(settings: TlsSettings, user: ContextUser) {
    this.#settings = settings;
    this.#user = user;
    const { trust } = settings;
    const watched = [...settings.keyPairs, trust?.secret, trust?.files].filter((each) => each !== undefined);
    try {
      for (const each of watched) this.#stops.push(each.watch(() => this.#changed()));
      this.#current = this.#make();
    } catch (error) {
      this.close();
      throw error;
    }
    this.#tell();
  }

  #changed(): void {
    let error: string | undefined;
    try {
      const made = this.#make();
      if (made !== undefined) this.#current = made;
    } catch (cause) {
      // the former secrets stay in force
      error = messageOf(cause);
    }
    this.#tell();
    this.#user.onUpdate(error);
    for (const callback of this.#onChange) callback();
  }

  /** Throws where a secret cannot be used. */
  #make(): VersionedContext | undefined {
    const { parameters, keyPairs, trust } = this.#settings;
    const pairs = keyPairs.map((pair) => pair.current()).filter((pair) => pair !== undefined);
    const bundle = trust?.secret?.current();
    if (pairs.length < keyPairs.length || (trust?.secret !== undefined && bundle === undefined)) return undefined;
    // what a PKCS #12 brings besides its certificate would count as trusted
    const needsPath = pairs.some(({ pkcs12 }) => pkcs12 !== undefined);
    const validation = trust && compileTrust(trust, bundle, needsPath);
    const anchors = { roots: validation?.roots, crls: validation?.crls ?? [] };
    const optionsWith = (own: readonly KeyPair[]): SecureContextOptions => contextOptions(parameters, own, anchors);
    tryEach(pairs, optionsWith);
    return { optionsWith, version: ++this.#version, keyPairs: pairs, validation };
  }

  #tell(): void {
    const made = this.#current;
    if (made === undefined) return;
    const { keyPairs, validation } = made;
    const { names, trustName } = this.#settings;
    this.#user.secrets.uses?.set(this, {
      names: keyPairs.map((_, i) => names[i] ?? 'inline'),
      trustName: trustName ?? 'inline',
      usedBy: this.#user.usedBy,
      roots: validation?.roots ?? '',
      chains: keyPairs.map(({ certificateChain }) => certificateChain),
      staples: keyPairs.map(({ ocspStaple }) => ocspStaple),
    });
    for (const [i, pair] of keyPairs.entries()) this.#noteEnd(names[i], 'cert', pair.certificateChain);
    if (validation?.roots !== undefined) this.#noteEnd(trustName, 'ca_cert', validation.roots);
  }

  /** Envoy's gauge of when a certificate ends; those without a name have one of their bytes. */
  #noteEnd(name: string | undefined, kind: 'cert' | 'ca_cert', pem: string): void {
    const [certificate] = certificatesOf(pem);
    if (certificate === undefined) return;
    const leaf = name ?? `unnamed_${kind}_${fingerprintOf(certificate).slice(0, 8)}`;
    const gauge = this.#user.stats.gauge(`ssl.certificate.${leaf}.expiration_unix_time_seconds`);
    gauge.value = Math.floor(certificate.validToDate.getTime() / 1000);
  }

  /** Undefined until every secret has arrived. */
  current(): VersionedContext | undefined {
    return this.#current;
  }

  /** Calls back after each change of a secret. */
  onChange(callback: () => void): void {
    this.#onChange.push(callback);
  }

  get isReady(): boolean {
    return this.#current !== undefined;
  }

  close(): void {
    this.#user.secrets.uses?.delete(this);
    for (const stop of this.#stops) stop();
  }
}
