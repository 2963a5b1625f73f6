import { APPLY_TO, type ConfigPatch, PATCH_OPERATIONS } from '../../../model/envoy-filter.ts';
import { ConfigError } from '../../../core/errors.ts';
import { adviceFor } from '../../envoy/instead.ts';
import { OPERATIONS } from '../../envoy/operations.ts';
import { readPatchValue } from '../../envoy/patch-value.ts';
import { defaulted, freeForm, int, list, object, oneOf, optional, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { lowerMatch, matchSchema } from './envoy-filter-match.ts';

const patchSchema = object({
  operation: required(
    oneOf(PATCH_OPERATIONS),
    'MERGE joins lists, MERGE_AND_REPLACE_LIST replaces them; INSERT_BEFORE and INSERT_AFTER stand beside the filter or route that is matched.',
  ),
  value: optional(freeForm, "The object in Envoy's words (JSON names or names of the .proto files, @type in each typed_config)."),
  filterClass: unsupported('none', 'Istio does not obey it either: the operation says where the filter stands.'),
});

const configPatchSchema = object({
  applyTo: required(
    oneOf(APPLY_TO, { unsupported: { BOOTSTRAP: 'who starts a proxy writes its bootstrap: `tulle up` and `tulle run` have flags' } }),
    'What is patched. EXTENSION_CONFIG defines what config_discovery of a filter names; it is put into the filter.',
  ),
  match: optional(matchSchema, 'Which of them; all of every proxy where absent.'),
  patch: required(patchSchema, 'What becomes of it.'),
});

const targetSchema = object({
  group: defaulted(string({ mayBeEmpty: true }), '', 'gateway.networking.k8s.io.'),
  kind: required(
    oneOf(['Gateway'], {
      unsupported: { Service: 'there are no waypoints', ServiceEntry: 'there are no waypoints', GatewayClass: 'there are no waypoints' },
    }),
    'Gateway.',
  ),
  name: required(string(), 'Name of the gateway, as in the label gateway.networking.k8s.io/gateway-name of its proxies.'),
  namespace: unsupported('error', 'Targets are of the namespace of the EnvoyFilter.'),
});

const specSchema = object(
  {
    workloadSelector: optional(
      object({ labels: defaulted(labelsSchema, {}, 'Labels that a workload must have; none: every workload.') }),
      'Workloads that it is for; all of the namespace where absent, all of the mesh in the root namespace.',
    ),
    targetRefs: defaulted(list(targetSchema), [], 'Gateways of the Gateway API that it is for.'),
    priority: defaulted(int(-(2 ** 31), 2 ** 31 - 1), 0, 'Lower ones are applied first; of one priority those of the root namespace.'),
    configPatches: defaulted(list(configPatchSchema), [], 'Changes, in order.'),
  },
  [{ kind: 'at-most-one', fields: ['workloadSelector', 'targetRefs'] }],
);

type WrittenPatch = Infer<typeof configPatchSchema>;

/** The value is read while the document is checked, so that what Envoy would not take is told with its line. */
function checkValue({ applyTo, match, patch }: WrittenPatch, lowering: Lowering): void {
  const { value } = patch;
  if (value === undefined) return;
  try {
    const { unknown } = readPatchValue(applyTo, value.json);
    // a patch that names its proxies may be for Envoys that have the type
    if (match?.proxy !== undefined) return;
    for (const { path, typeName } of unknown) {
      const advice = adviceFor(typeName);
      const other = 'only other Envoys may have it, for which match.proxy has to say that they are meant';
      lowering.error('TUL016', value.locate(path), '', `Tulle does not have ${typeName}: ${advice === '' ? other : `${advice}; ${other}`}`);
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lowering.error('TUL013', value.locate(error.path), '', `Envoy's ${applyTo} is not like this: ${error.reason}`);
  }
}

function checkOperation({ applyTo, patch }: WrittenPatch, lowering: Lowering): void {
  const { operation, value } = patch;
  if (operation !== 'REMOVE' && value === undefined) {
    lowering.error('TUL011', patch, 'value', `${operation} wants a value`);
  } else if (operation === 'MERGE_AND_REPLACE_LIST' && !OPERATIONS[applyTo].includes(operation)) {
    lowering.error('TUL014', patch, 'operation', `${operation} is not for ${applyTo}, whose typed_config is always merged: use MERGE`);
  }
}

function lowerPatch(written: WrittenPatch, lowering: Lowering): ConfigPatch {
  const { applyTo, match, patch } = written;
  checkOperation(written, lowering);
  checkValue(written, lowering);
  return {
    applyTo,
    operation: patch.operation,
    ...lowerMatch(match, applyTo, lowering),
    value: patch.operation === 'REMOVE' ? undefined : patch.value?.json,
    origin: lowering.originOf(written),
  };
}

/** Istio EnvoyFilter: changes to what proxies are sent. */
export const envoyFilter = defineDialect({
  kind: 'EnvoyFilter',
  apiVersions: ['networking.istio.io/v1alpha3'],
  description: "Changes to what proxies are sent, in Envoy's words.",
  fields: { spec: required(specSchema, 'Workloads, and changes.') },
  lower({ spec }: { readonly spec: Infer<typeof specSchema> }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    const labels = spec.workloadSelector?.labels ?? {};
    return {
      kind: 'envoy-filter',
      value: {
        name,
        namespace,
        priority: spec.priority,
        selector: Object.keys(labels).length === 0 ? undefined : labels,
        gateways: spec.targetRefs.length === 0 ? undefined : spec.targetRefs.map((target) => target.name),
        patches: spec.configPatches.map((patch) => lowerPatch(patch, lowering)),
        createdAt,
        origin,
      },
    };
  },
});
