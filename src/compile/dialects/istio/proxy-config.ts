import { NO_PROXY_SETTINGS } from '../../../model/proxy-settings.ts';
import { defaulted, int, map, object, optional, required, string, unsupported } from '../../schema/schema.ts';
import { defineDialect } from '../dialect.ts';
import { lowerSelector, selectorField } from './selector.ts';

const specSchema = object({
  selector: selectorField,
  concurrency: optional(int(0, 1_024), 'Event loops of a proxy; 0: one for every core.'),
  environmentVariables: defaulted(map(string({ mayBeEmpty: true })), {}, "Variables of the proxies' environment."),
  image: unsupported('none', 'Image of proxies: how they run on Kubernetes.'),
});

/** Istio ProxyConfig: settings of proxies when they start. */
export const proxyConfig = defineDialect({
  kind: 'ProxyConfig',
  apiVersions: ['networking.istio.io/v1beta1', 'networking.istio.io/v1'],
  description: 'How the proxies of workloads are started.',
  fields: { spec: required(specSchema, 'Workloads and settings.') },
  lower({ spec }, { name, namespace, createdAt, origin }) {
    const settings = { ...NO_PROXY_SETTINGS, concurrency: spec.concurrency, environment: spec.environmentVariables };
    return { kind: 'proxy-config', value: { name, namespace, selector: lowerSelector(spec.selector), settings, createdAt, origin } };
  },
});
