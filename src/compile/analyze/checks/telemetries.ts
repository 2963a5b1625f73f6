/** Telemetry resources of which only one can count, and what sends nowhere. */
import { providerService } from '../../../model/provider-service.ts';
import type { Telemetry } from '../../../model/telemetry.ts';
import { providerNamed } from '../../emit/providers.ts';
import type { Check, Say } from '../finding.ts';
import { checkSelecting } from '../selecting.ts';
import type { World } from '../world.ts';

type What = 'tracing' | 'metrics' | 'accessLogging';

const TAKEN: Readonly<Record<What, { readonly kinds: readonly string[]; readonly words: string }>> = {
  tracing: { kinds: ['zipkin', 'opentelemetry'], words: 'spans' },
  metrics: { kinds: ['prometheus'], words: 'metrics' },
  accessLogging: { kinds: ['file-log', 'http-als', 'tcp-als', 'otel-als'], words: 'access logs' },
};

/** Why nothing can be sent to the provider `name`; undefined where it can. */
function trouble({ mesh }: World, what: What, name: string): string | undefined {
  const { kinds, words } = TAKEN[what];
  const provider = providerNamed(mesh.settings, name);
  if (provider === undefined) return `there is no extensionProvider "${name}" in MeshConfig`;
  if (!kinds.includes(provider.kind)) return `the extensionProvider "${name}" takes no ${words}`;
  return 'service' in provider && typeof providerService(provider.service, mesh.services) === 'string'
    ? `there is no service "${provider.service}", which the extensionProvider "${name}" is`
    : undefined;
}

/** True where something less specific than `telemetry`, or the mesh, names a provider of `what`. */
function inherits({ mesh }: World, telemetry: Telemetry, what: What): boolean {
  if (mesh.settings.defaultProviders[what].length > 0) return true;
  const { rootNamespace } = mesh.settings;
  const wider = mesh.telemetries.filter(
    ({ namespace, selector, name }) =>
      selector === undefined &&
      (namespace === rootNamespace || (namespace === telemetry.namespace && telemetry.selector !== undefined)) &&
      !(namespace === telemetry.namespace && name === telemetry.name),
  );
  return wider.some((other) => other[what].some(({ providers }) => providers.length > 0));
}

/** What becomes of a rule that no provider is named for. */
function withoutProvider({ mesh }: World, telemetry: Telemetry, what: What, index: number): string | undefined {
  if (what === 'metrics') return 'no provider of metrics is named, and the mesh has no default one: the rule does nothing';
  if (what === 'accessLogging') {
    const isOff = telemetry.accessLogging[index]?.isDisabled === true;
    if (!isOff) return 'no provider is named: access logs are sent only where the mesh has a default provider';
    if (mesh.settings.accessLogFile === '') return undefined;
    return 'no provider is named, and the mesh has no default one: nothing is turned off, the logs of accessLogFile go on. Name envoy to turn those off';
  }
  return telemetry.tracing[index]?.isReportingDisabled === true
    ? undefined
    : 'no provider is named, and the mesh has no default one: nothing is traced, and nothing sampled';
}

function checkRules(world: World, telemetry: Telemetry, what: What, placeOf: (path: string) => Parameters<Say>[1], say: Say): void {
  let isNamed = inherits(world, telemetry, what);
  for (const [index, { providers }] of telemetry[what].entries()) {
    isNamed ||= providers.length > 0;
    const missing = isNamed ? undefined : withoutProvider(world, telemetry, what, index);
    if (missing !== undefined) say('IST0157', placeOf(`spec.${what}[${index}]`), missing);
    for (const [place, name] of providers.entries()) {
      const found = trouble(world, what, name);
      if (found !== undefined)
        say('IST0157', placeOf(`spec.${what}[${index}].providers[${place}].name`), `${found}: nothing is sent there`);
    }
  }
}

/** Providers that the mesh names for all, which nobody else has to name. */
function checkDefaults(world: World, placeOf: (path: string) => Parameters<Say>[1], say: Say): void {
  for (const what of ['accessLogging', 'tracing', 'metrics'] as const) {
    for (const [place, name] of world.mesh.settings.defaultProviders[what].entries()) {
      const found = trouble(world, what, name);
      if (found !== undefined) say('IST0157', placeOf(`spec.defaultProviders.${what}[${place}]`), `${found}: nothing is sent there`);
    }
  }
}

export const telemetries: Check = {
  name: 'telemetries',
  looksAt: ['Telemetry', 'Workload', 'MeshConfig', 'Service', 'ServiceEntry'],
  codes: ['IST0127', 'IST0157', 'IST0159', 'IST0160'],
  run(world, say) {
    const what = { kind: 'Telemetry', selector: ['selector', 'matchLabels'], severalWithout: 'IST0160', severalFor: 'IST0159' } as const;
    const effects = {
      effect: 'the logs, metrics and traces of the younger are not sent',
      effectFor: 'both count, and where both say something the younger one counts',
    };
    checkSelecting({ ...what, ...effects }, world, say);
    for (const { originOf } of world.documents.ofKinds('MeshConfig')) checkDefaults(world, originOf, say);
    for (const { namespace, name, originOf } of world.documents.ofKinds('Telemetry')) {
      const telemetry = world.mesh.telemetries.find((one) => one.namespace === namespace && one.name === name);
      if (telemetry === undefined) continue;
      for (const kind of ['accessLogging', 'tracing', 'metrics'] as const) checkRules(world, telemetry, kind, originOf, say);
    }
  },
};
