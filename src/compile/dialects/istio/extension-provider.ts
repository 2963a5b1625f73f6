/** Entries of MeshConfig's `extensionProviders`: a name and one of the kinds below. A new kind is a field and a line. */
import type { ExtensionProvider } from '../../../model/extension-provider.ts';
import { hasFormat } from '../../schema/formats.ts';
import { object, optional, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { extAuthzGrpcSchema, extAuthzHttpSchema, lowerExtAuthzGrpc, lowerExtAuthzHttp } from './ext-authz-provider.ts';

const kinds = {
  envoyExtAuthzHttp: optional(extAuthzHttpSchema, 'Decides about requests, asked by HTTP.'),
  envoyExtAuthzGrpc: optional(extAuthzGrpcSchema, "Decides about requests and connections, asked by Envoy's gRPC service."),
  zipkin: unsupported('warning', 'Takes traces.'),
  lightstep: unsupported('warning', 'Takes traces.'),
  datadog: unsupported('warning', 'Takes traces.'),
  stackdriver: unsupported('warning', 'Takes traces.'),
  opencensus: unsupported('warning', 'Takes traces.'),
  skywalking: unsupported('warning', 'Takes traces.'),
  opentelemetry: unsupported('warning', 'Takes traces.'),
  prometheus: unsupported('none', 'Metrics are there for Prometheus to fetch anyhow.'),
  envoyFileAccessLog: unsupported('warning', 'Takes access logs.'),
  envoyHttpAls: unsupported('warning', 'Takes access logs.'),
  envoyTcpAls: unsupported('warning', 'Takes access logs.'),
  envoyOtelAls: unsupported('warning', 'Takes access logs.'),
  sds: unsupported('error', 'Hands out certificates.'),
};

export const extensionProviderSchema = object({ name: required(string(), 'Name that policies use.'), ...kinds }, [
  { kind: 'exactly-one', fields: Object.keys(kinds) },
]);

type Written = Infer<typeof extensionProviderSchema>;

/** The provider in the model; undefined for a kind that is left out. */
function lowerExtensionProvider(written: Written, lowering: Lowering): ExtensionProvider | undefined {
  const { name } = written;
  if (written.envoyExtAuthzHttp !== undefined) return lowerExtAuthzHttp(name, written.envoyExtAuthzHttp, lowering);
  if (written.envoyExtAuthzGrpc !== undefined) return lowerExtAuthzGrpc(name, written.envoyExtAuthzGrpc, lowering);
  return undefined;
}

/** Names become parts of policies' names in proxies. */
function isAuthorization(provider: ExtensionProvider): boolean {
  return provider.kind === 'ext-authz-http' || provider.kind === 'ext-authz-grpc';
}

/** All providers in the model. */
export function lowerExtensionProviders(written: readonly Written[], lowering: Lowering): readonly ExtensionProvider[] {
  const seen = new Set<string>();
  return written.flatMap((one) => {
    if (seen.has(one.name)) lowering.error('TUL021', one, 'name', `there are two providers "${one.name}"`);
    seen.add(one.name);
    const provider = lowerExtensionProvider(one, lowering);
    if (provider !== undefined && isAuthorization(provider) && !hasFormat('dns-label', one.name))
      lowering.error('TUL013', one, 'name', `found "${one.name}", wants a DNS label: lower-case letters, digits and hyphens, at most 63`);
    return provider === undefined ? [] : [provider];
  });
}
