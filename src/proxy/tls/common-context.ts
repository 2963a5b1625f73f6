/** CommonTlsContext: what both sides of TLS are configured with, and the context made of it, made anew when a secret changes. */
import { X509Certificate } from 'node:crypto';
import { parseAltNames } from '../../net/peer-certificate.ts';
import type { SecureContextOptions } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { contextOptions, createTlsContext, DEFAULT_TLS_PARAMETERS, type TlsParameters, type TlsVersion } from '../../net/tls-context.ts';
import {
  CertificateValidationContextSchema,
  type TlsCertificate,
  TlsParameters_TlsProtocol as TlsProtocol,
  type TlsParameters as TlsParametersProto,
} from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import type { CommonTlsContext } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import type { SdsSecretConfig } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { KeyPair, SecretStore, TrustBundle, Watched } from '../config/secret-store.ts';
import { readDataSource } from './data-source.ts';
import { constant, readValidation, type Validation } from './validation.ts';

export interface TlsSettings {
  readonly parameters: TlsParameters;
  readonly keyPairs: readonly Watched<KeyPair>[];
  /** Undefined: peers' certificates are not asked for (downstream) or not looked at (upstream). */
  readonly validation: Validation | undefined;
  readonly alpn: readonly string[];
}

const VERSIONS = new Map<number, TlsVersion>([
  [TlsProtocol.TLSv1_0, 'TLSv1'],
  [TlsProtocol.TLSv1_1, 'TLSv1.1'],
  [TlsProtocol.TLSv1_2, 'TLSv1.2'],
  [TlsProtocol.TLSv1_3, 'TLSv1.3'],
]);

function version(value: number, fallback: TlsVersion): TlsVersion {
  return VERSIONS.get(value) ?? fallback;
}

/** BoringSSL's `[a|b]` groups of equal preference become plain lists; TLS 1.3 suites cannot be chosen there and stay ours. */
function cipherList(suites: readonly string[]): string {
  if (suites.length === 0) return '';
  const names = suites.flatMap((suite) => suite.replace(/^\[|\]$/g, '').split('|'));
  return ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', ...names].join(':');
}

function readParameters(params: TlsParametersProto | undefined): TlsParameters {
  if (params === undefined) return DEFAULT_TLS_PARAMETERS;
  return {
    minVersion: version(params.tlsMinimumProtocolVersion, DEFAULT_TLS_PARAMETERS.minVersion),
    maxVersion: version(params.tlsMaximumProtocolVersion, DEFAULT_TLS_PARAMETERS.maxVersion),
    ciphers: cipherList(params.cipherSuites),
    curves: params.ecdhCurves.join(':'),
    signatureAlgorithms: params.signatureAlgorithms.join(':'),
  };
}

function readKeyPair(certificate: TlsCertificate, path: string): Watched<KeyPair> {
  return constant({
    certificateChain: readDataSource(certificate.certificateChain, `${path}.certificate_chain`),
    privateKey: readDataSource(certificate.privateKey, `${path}.private_key`),
  });
}

function namedTrust(config: SdsSecretConfig | undefined, secrets: SecretStore, path: string): Watched<TrustBundle> {
  if (config === undefined || config.name === '') throw new ConfigError(path, 'the secret has no name');
  return secrets.trust(config.name, config.sdsConfig);
}

function readPeers(common: CommonTlsContext, path: string, secrets: SecretStore): Validation | undefined {
  const type = common.validationContextType;
  const none = create(CertificateValidationContextSchema);
  switch (type.case) {
    case undefined:
      return undefined;
    case 'validationContext':
      return readValidation(type.value, `${path}.validation_context`, undefined);
    case 'validationContextSdsSecretConfig': {
      const at = `${path}.validation_context_sds_secret_config`;
      return readValidation(none, at, namedTrust(type.value, secrets, at));
    }
    case 'combinedValidationContext': {
      const at = `${path}.combined_validation_context`;
      const sds = namedTrust(type.value.validationContextSdsSecretConfig, secrets, `${at}.validation_context_sds_secret_config`);
      return readValidation(type.value.defaultValidationContext ?? none, `${at}.default_validation_context`, sds);
    }
    default:
      throw new ConfigError(path, `${type.case} is not supported`);
  }
}

/** Reads a CommonTlsContext; `path` is its own. Throws ConfigError also for keys and ciphers that OpenSSL refuses. */
export function readTlsSettings(common: CommonTlsContext, path: string, secrets: SecretStore): TlsSettings {
  const settings: TlsSettings = {
    parameters: readParameters(common.tlsParams),
    keyPairs: [
      ...common.tlsCertificates.map((certificate, i) => readKeyPair(certificate, `${path}.tls_certificates[${i}]`)),
      ...common.tlsCertificateSdsSecretConfigs.map((config) => secrets.keyPair(config.name, config.sdsConfig)),
    ],
    validation: readPeers(common, path, secrets),
    alpn: common.alpnProtocols,
  };
  tryContext(settings, path);
  return settings;
}

/** Makes a context of what is there already, to find what OpenSSL refuses while it can still be a NACK. */
function tryContext(settings: TlsSettings, path: string): void {
  const pairs = settings.keyPairs.map((pair) => pair.current()).filter((pair) => pair !== undefined);
  try {
    createTlsContext(contextOptions(settings.parameters, pairs, settings.validation?.trust?.current()?.roots));
  } catch (cause) {
    throw new ConfigError(path, messageOf(cause), { cause });
  }
}

export interface VersionedContext {
  readonly options: SecureContextOptions;
  /** Another number for every change of the secrets: sessions of a former one are not resumed. */
  readonly version: number;
  readonly keyPairs: readonly KeyPair[];
}

/** The context in force; connections that exist keep the one they were made with. */
export class ContextSource {
  readonly #settings: TlsSettings;
  readonly #stops: readonly (() => void)[];
  #current: VersionedContext | undefined;
  #version = 0;
  #onChange: (() => void)[] = [];

  constructor(settings: TlsSettings) {
    this.#settings = settings;
    const drop = (): void => {
      this.#current = undefined;
      this.#version++;
      for (const callback of this.#onChange) callback();
    };
    const watched = [...settings.keyPairs, settings.validation?.trust].filter((each) => each !== undefined);
    this.#stops = watched.map((each) => each.watch(drop));
  }

  /** Undefined until every secret has arrived, or where a secret that arrived later cannot be used. */
  current(): VersionedContext | undefined {
    if (this.#current !== undefined) return this.#current;
    const { parameters, keyPairs, validation } = this.#settings;
    const pairs = keyPairs.map((pair) => pair.current()).filter((pair) => pair !== undefined);
    const trust = validation?.trust?.current();
    if (pairs.length < keyPairs.length || (validation?.trust !== undefined && trust === undefined)) return undefined;
    this.#current = { options: contextOptions(parameters, pairs, trust?.roots), version: this.#version, keyPairs: pairs };
    return this.#current;
  }

  /** Calls back after each change of a secret. */
  onChange(callback: () => void): void {
    this.#onChange.push(callback);
  }

  get isReady(): boolean {
    return this.current() !== undefined;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }
}

/** URI subject alternative names of our own certificates. */
export function urisOf(pairs: readonly KeyPair[]): readonly string[] {
  return pairs.flatMap((pair) => parseAltNames(new X509Certificate(pair.certificateChain).subjectAltName).uris);
}
