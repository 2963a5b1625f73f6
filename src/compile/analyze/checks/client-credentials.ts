/** Secrets with what clients show, and trust: in no namespace at all, clusters wait for them. */
import type { ClientTls } from '../../../model/traffic-policy.ts';
import { caSecretName } from '../../emit/client-tls.ts';
import type { Check } from '../finding.ts';
import { policyBlocks } from '../routes.ts';

/** The Secrets of which one must be there; none where TLS does without. */
function wanted({ mode, credentialName, caCertificates, insecureSkipVerify }: ClientTls): string[] {
  if (credentialName === '') return [];
  if (mode === 'MUTUAL') return [credentialName];
  const isChecked = mode === 'SIMPLE' && caCertificates === '' && !insecureSkipVerify;
  return isChecked ? [credentialName, caSecretName(credentialName)] : [];
}

export const clientCredentials: Check = {
  name: 'client-credentials',
  looksAt: ['DestinationRule', 'Secret'],
  codes: ['IST0101'],
  run({ mesh, documents }, say) {
    const declared = new Set([...mesh.secrets, ...documents.ofKinds('Secret')].map(({ name }) => name));
    for (const rule of mesh.destinationPolicies) {
      for (const { policy } of policyBlocks(rule)) {
        const names = policy.tls === undefined ? [] : wanted(policy.tls);
        if (names.length === 0 || names.some((name) => declared.has(name))) continue;
        const place = documents.placeOf(policy.origin, 'tls.credentialName');
        say(
          'IST0101',
          place,
          `there is no Secret "${names[0]}" in any namespace: proxies wait for it, and requests to "${rule.host}" get 503`,
        );
      }
    }
  },
};
