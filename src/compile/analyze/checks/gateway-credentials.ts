/** Secrets of gateways: there, in the namespace of the gateway's workload, and whole. */
import type { Gateway, ServerTls } from '../../../model/gateway.ts';
import { selects } from '../../../model/match.ts';
import type { Provenance } from '../../../model/provenance.ts';
import { caSecretName } from '../../emit/client-tls.ts';
import type { Check, Say } from '../finding.ts';
import type { World } from '../world.ts';

/** Where the Secret must be: where the workload runs; where none is known, beside the Gateway. */
function namespacesOf({ selector, namespace }: Gateway, { targets }: World): readonly string[] {
  const found = targets.filter(({ isGateway, labels }) => isGateway && selects(selector, labels));
  return found.length === 0 ? [namespace] : [...new Set(found.map((target) => target.namespace))];
}

function checkSecret(
  tls: ServerTls,
  name: string,
  namespace: string,
  origin: Provenance,
  { mesh, refused, documents }: World,
  say: Say,
): void {
  const own = mesh.secrets.filter((secret) => secret.namespace === namespace);
  const secret = own.find((candidate) => candidate.name === name);
  if (secret === undefined) {
    // a Secret that is refused, or of a type without certificates, is said to be so where it stands
    if (refused.has(`Secret ${namespace}/${name}`)) return;
    const isOther = documents.ofKinds('Secret').some((document) => document.name === name && document.namespace === namespace);
    if (isOther) say('IST0161', origin, `Secret "${name}" of namespace ${namespace} holds no certificate: TLS handshakes fail`);
    else say('IST0101', origin, `there is no Secret "${name}" in namespace ${namespace}, where the gateway runs: TLS handshakes fail`);
    return;
  }
  if (secret.certificate === '' || secret.privateKey === '') {
    say(
      'IST0161',
      origin,
      `Secret "${name}" has no ${secret.certificate === '' ? 'certificate (tls.crt)' : 'key (tls.key)'}: TLS handshakes fail`,
    );
  }
  const hasCa = secret.ca !== '' || own.some((candidate) => candidate.name === caSecretName(name) && candidate.ca !== '');
  // the first certificate's Secret has the CA, unless another is named
  const isAsked = tls.mode === 'MUTUAL' && name === tls.credentialNames[0] && tls.caCredentialName === '' && !tls.insecureSkipVerify;
  if (isAsked && !hasCa) {
    say(
      'IST0161',
      origin,
      `Secret "${name}" has no CA (ca.crt) to check clients with, nor is there "${caSecretName(name)}": TLS handshakes fail`,
    );
  }
}

function checkAuthority(tls: ServerTls, gateway: Gateway, origin: Provenance, world: World, say: Say): void {
  const { caCredentialName: name, mode } = tls;
  if (name === '' || mode === 'SIMPLE') return;
  for (const namespace of namespacesOf(gateway, world)) {
    const secret = world.mesh.secrets.find((candidate) => candidate.namespace === namespace && candidate.name === name);
    if (secret?.ca !== undefined && secret.ca !== '') continue;
    const what = secret === undefined ? `there is no Secret "${name}" in namespace ${namespace}` : `Secret "${name}" has no CA (ca.crt)`;
    const place = world.documents.placeOf(origin, 'tls.caCertCredentialName');
    say(secret === undefined ? 'IST0101' : 'IST0161', place, `${what}: no client can be checked, and TLS handshakes fail`);
  }
}

export const gatewayCredentials: Check = {
  name: 'gateway-credentials',
  looksAt: ['Gateway', 'Secret', 'Workload'],
  codes: ['IST0101', 'IST0161'],
  run(world, say) {
    for (const gateway of world.mesh.gateways) {
      for (const { tls, origin } of gateway.servers) {
        if (tls === undefined || tls.mode === 'PASSTHROUGH' || tls.mode === 'ISTIO_MUTUAL') continue;
        for (const [index, name] of tls.credentialNames.entries()) {
          const isSingle = world.documents.valueAt(origin, 'tls.credentialName') !== undefined;
          const place = world.documents.placeOf(origin, isSingle ? 'tls.credentialName' : `tls.credentialNames[${index}]`);
          for (const namespace of namespacesOf(gateway, world)) checkSecret(tls, name, namespace, place, world, say);
        }
        checkAuthority(tls, gateway, origin, world, say);
      }
    }
  },
};
