import type { AuthorizationRule } from '../../../model/security.ts';
import { PLACE } from '../../schema/located.ts';
import { defaulted, list, object, oneOf, optional, required, unsupported, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { SECURITY } from './api-versions.ts';
import { conditionSchema, lowerCondition } from './authorization-condition.ts';
import { lowerOperation, operationSchema } from './authorization-operation.ts';
import { lowerSource, sourceSchema } from './authorization-source.ts';
import { lowerSelector, selectorSchema } from './selector.ts';

const DRY_RUN = 'istio.io/dry-run';

const ruleSchema = object({
  from: optional(list(object({ source: required(sourceSchema, 'Who calls.') }), 1), 'Any of them; anyone where absent.'),
  to: optional(list(object({ operation: required(operationSchema, 'What is called.') }), 1), 'Any of them; anything where absent.'),
  when: defaulted(list(conditionSchema), [], 'Further conditions, all of them.'),
});

const specSchema = object({
  selector: optional(selectorSchema, 'Workloads that it is for; all of the namespace where absent, all of the mesh in the root namespace.'),
  targetRefs: unsupported('error', 'Gateways and services that it is for.'),
  targetRef: unsupported('error', 'Gateway or service that it is for.'),
  action: defaulted(
    oneOf(['ALLOW', 'DENY', 'AUDIT'], { unsupported: { CUSTOM: 'external authorization is not there' } }),
    'ALLOW',
    'What happens to requests that a rule matches.',
  ),
  provider: unsupported('error', 'External authorization.'),
  rules: optional(list(ruleSchema), 'Any of them; ALLOW without rules denies everything.'),
});

function lowerRule(written: Infer<typeof ruleSchema>, lowering: Lowering): AuthorizationRule {
  return {
    from: (written.from ?? []).map(({ source }) => lowerSource(source, lowering)),
    to: (written.to ?? []).map(({ operation }) => lowerOperation(operation, lowering)),
    when: written.when.map((condition) => lowerCondition(condition, lowering)),
    origin: lowering.originOf(written),
  };
}

/** Istio AuthorizationPolicy: who may call what. */
export const authorizationPolicy = defineDialect({
  kind: 'AuthorizationPolicy',
  apiVersions: SECURITY,
  description: 'Who may call what.',
  fields: { spec: required(specSchema, 'Workloads, action and rules; {} denies everything.') },
  lower({ spec }: { readonly spec: Infer<typeof specSchema> }, lowering) {
    const { name, namespace, createdAt, origin, annotations } = lowering;
    const rules = spec.rules ?? [];
    if (spec.action !== 'ALLOW' && rules.length === 0) {
      lowering.error(
        'TUL011',
        spec,
        spec[PLACE].fields.has('rules') ? 'rules' : 'action',
        `${spec.action} without rules would never match: give rules, or rules: [{}] for everything`,
      );
    }
    const dryRun = annotations[DRY_RUN] ?? 'false';
    if (dryRun !== 'true' && dryRun !== 'false')
      lowering.error('TUL014', spec, '', `the annotation ${DRY_RUN} is "${dryRun}", wants "true" or "false"`);
    return {
      kind: 'authorization-policy',
      value: {
        name,
        namespace,
        selector: lowerSelector(spec.selector),
        action: spec.action,
        isDryRun: dryRun === 'true',
        rules: rules.map((rule) => lowerRule(rule, lowering)),
        createdAt,
        origin,
      },
    };
  },
});
