/**
 * Secrets over SDS for one stream: `ROOTCA` for everyone, `default` (a fresh key and certificate) for a proxy that
 * showed who it is and cannot make its own, renewed at half its life.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { memoised } from '../compile/emit/memo.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { SpiffeId } from '../core/spiffe.ts';
import { timerMs } from '../core/timer-limit.ts';
import { contentVersion } from '../xds/content-version.ts';
import { type Secret, SecretSchema } from '../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { XdsResource } from '../xds/subscription.ts';
import type { Authority } from './ca/authority.ts';

/** Istio's names. */
const WORKLOAD_SECRET = 'default';
const ROOT_SECRET = 'ROOTCA';

/** Secrets of one stream. */
export interface ProxySecrets {
  /** The resources there are now. */
  resources(): readonly XdsResource[];
  /** The stream asks for these names: makes what was not made before. */
  request(names: readonly string[]): void;
  close(): void;
}

function resourceOf(secret: Secret): XdsResource {
  const bytes = toBinary(SecretSchema, secret);
  return { name: secret.name, version: contentVersion(bytes), bytes };
}

function inline(pem: string): { specifier: { case: 'inlineString'; value: string } } {
  return { specifier: { case: 'inlineString', value: pem } };
}

/** ROOTCA with the authority's root. */
function rootSecret({ rootCertificate }: Authority): XdsResource {
  const value = { trustedCa: inline(rootCertificate) };
  return resourceOf(create(SecretSchema, { name: ROOT_SECRET, type: { case: 'validationContext', value } }));
}

/** What those have who have nothing but the root: one list for all proxies. */
const onlyRoot = memoised((authority: Authority): readonly [root: XdsResource] => [rootSecret(authority)]);

function workloadSecret(certificateChain: string, privateKey: string): XdsResource {
  const value = { certificateChain: inline(certificateChain), privateKey: inline(privateKey) };
  return resourceOf(create(SecretSchema, { name: WORKLOAD_SECRET, type: { case: 'tlsCertificate', value } }));
}

/** Secrets of one stream. `identity` undefined: no certificate. `onRenewed` is called when `resources` became others. */
export function createProxySecrets(
  authority: Authority,
  identity: SpiffeId | undefined,
  onRenewed: () => void,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): ProxySecrets {
  const roots = onlyRoot(authority);
  let all: readonly XdsResource[] = roots;
  let timer: NodeJS.Timeout | undefined;

  const issue = (id: SpiffeId): void => {
    const { certificateChain, privateKey, expiresAtMs } = authority.issue(id);
    all = [...roots, workloadSecret(certificateChain, privateKey)];
    const lifeMs = expiresAtMs - clock.wallMs();
    // up to 5% earlier than half, so that a fleet started at once does not come at once
    const renewMs = lifeMs * (0.5 - 0.05 * random());
    timer = setTimeout(() => {
      issue(id);
      onRenewed();
    }, timerMs(renewMs)).unref();
  };

  return {
    resources: () => all,
    request(names) {
      if (all === roots && identity !== undefined && names.includes(WORKLOAD_SECRET)) issue(identity);
    },
    close: () => clearTimeout(timer),
  };
}
