/** Certificates that gateways serve and clients show by `credentialName`: Secrets of the proxy's own namespace. */
import { create } from '@bufbuild/protobuf';
import type { Gateway } from '../../model/gateway.ts';
import { selects } from '../../model/match.ts';
import type { TlsSecret } from '../../model/secret.ts';
import type { DestinationPolicy, TrafficPolicy } from '../../model/traffic-policy.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { caSecretName } from './client-tls.ts';
import { memoised } from './memo.ts';
import { byName, type CompiledResource, resourceOf, type ResourceMap } from './resource.ts';
import type { Scope } from './scope.ts';

function inline(text: string) {
  return { specifier: { case: 'inlineBytes' as const, value: new TextEncoder().encode(text) } };
}

function certificate(name: string, { certificate: chain, privateKey }: TlsSecret): Secret {
  const value = { certificateChain: inline(chain), privateKey: inline(privateKey) };
  return create(SecretSchema, { name, type: { case: 'tlsCertificate', value } });
}

function authority(name: string, { ca, crl }: TlsSecret): Secret {
  const value = { trustedCa: inline(ca), ...(crl !== '' && { crl: inline(crl) }) };
  return create(SecretSchema, { name, type: { case: 'validationContext', value } });
}

function policyNames({ policy, subsets }: DestinationPolicy): string[] {
  const all = [policy, ...subsets.map((subset) => subset.policy)].filter((own) => own !== undefined);
  const withPorts = all.flatMap((own): TrafficPolicy[] => [own, ...own.ports.values()]);
  return withPorts.map(({ tls }) => tls?.credentialName ?? '');
}

function gatewayNames(gateways: readonly Gateway[], labels: Readonly<Record<string, string>>): string[] {
  const selected = gateways.filter(({ selector }) => selects(selector, labels));
  return selected.flatMap(({ servers }) => servers.flatMap(({ tls }) => tls?.credentialNames ?? []));
}

/** Secrets with a CA alone, which are named as they are. */
function gatewayAuthorities(gateways: readonly Gateway[], labels: Readonly<Record<string, string>>): string[] {
  const selected = gateways.filter(({ selector }) => selects(selector, labels));
  return selected.flatMap(({ servers }) => servers.map(({ tls }) => tls?.caCredentialName ?? ''));
}

function authorityOf(secrets: readonly TlsSecret[], name: string): CompiledResource[] {
  const secret = secrets.find((each) => each.name === name);
  return secret === undefined || secret.ca === '' ? [] : [resourceOf(SecretSchema, name, authority(name, secret))];
}

/** The CA stands in `<name>-cacert`, or beside the certificate. */
function resourcesOf(secrets: readonly TlsSecret[], name: string): CompiledResource[] {
  const own = secrets.find((secret) => secret.name === name);
  const caName = caSecretName(name);
  const ca = secrets.find((secret) => secret.name === caName) ?? own;
  const messages = [
    ...(own !== undefined && own.certificate !== '' ? [certificate(name, own)] : []),
    ...(ca !== undefined && ca.ca !== '' ? [authority(caName, ca)] : []),
  ];
  return messages.map((message) => resourceOf(SecretSchema, message.name, message));
}

/** Secrets that something in `scope` names. */
export const secretsOf = memoised((scope: Scope, secrets: readonly TlsSecret[], gateways: readonly Gateway[]): ResourceMap => {
  const { client, destinationPolicies } = scope;
  const own = secrets.filter(({ namespace }) => namespace === client.namespace);
  const names = [...gatewayNames(gateways, client.labels), ...destinationPolicies.flatMap(policyNames)];
  const authorities = gatewayAuthorities(gateways, client.labels);
  return byName(
    [...new Set(authorities)].flatMap((name) => authorityOf(own, name)),
    [...new Set(names)].filter((name) => name !== '').flatMap((name) => resourcesOf(own, name)),
  );
});
