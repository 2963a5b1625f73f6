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

function checkSecret(tls: ServerTls, namespace: string, origin: Provenance, { mesh, refused, documents }: World, say: Say): void {
  const { credentialName: name } = tls;
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
  if (tls.mode === 'MUTUAL' && !hasCa) {
    say(
      'IST0161',
      origin,
      `Secret "${name}" has no CA (ca.crt) to check clients with, nor is there "${caSecretName(name)}": TLS handshakes fail`,
    );
  }
}

export const gatewayCredentials: Check = {
  name: 'gateway-credentials',
  looksAt: ['Gateway', 'Secret', 'Workload'],
  codes: ['IST0101', 'IST0161'],
  run(world, say) {
    for (const gateway of world.mesh.gateways) {
      for (const { tls, origin } of gateway.servers) {
        if (tls === undefined || tls.credentialName === '' || tls.mode === 'PASSTHROUGH' || tls.mode === 'ISTIO_MUTUAL') continue;
        const place = world.documents.placeOf(origin, 'tls.credentialName');
        for (const namespace of namespacesOf(gateway, world)) checkSecret(tls, namespace, place, world, say);
      }
    }
  },
};
