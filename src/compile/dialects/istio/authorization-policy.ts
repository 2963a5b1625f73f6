import type { AuthorizationRule } from '../../../model/security.ts';
import { type Located, PLACE } from '../../schema/located.ts';
import { defaulted, list, object, oneOf, optional, required, string, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import { SECURITY } from './api-versions.ts';
import { conditionSchema, lowerCondition } from './authorization-condition.ts';
import { lowerOperation, operationSchema } from './authorization-operation.ts';
import { lowerSource, sourceSchema } from './authorization-source.ts';
import { lowerTarget, TARGET_RULE, targetFields } from './target-reference.ts';

const DRY_RUN = 'istio.io/dry-run';

const ruleSchema = object({
  from: optional(list(object({ source: required(sourceSchema, 'Who calls.') }), 1), 'Any of them; anyone where absent.'),
  to: optional(list(object({ operation: required(operationSchema, 'What is called.') }), 1), 'Any of them; anything where absent.'),
  when: defaulted(list(conditionSchema), [], 'Further conditions, all of them.'),
});

const specSchema = object(
  {
    ...targetFields,
    action: defaulted(
      oneOf(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']),
      'ALLOW',
      'What happens to requests that a rule matches; CUSTOM leaves it to the provider.',
    ),
    provider: optional(
      object({ name: required(string(), "Its name in MeshConfig's extensionProviders.") }),
      'Who decides about requests that a rule of a CUSTOM policy matches.',
    ),
    rules: optional(list(ruleSchema), 'Any of them; ALLOW without rules denies everything.'),
  },
  [TARGET_RULE],
);

type Spec = Infer<typeof specSchema>;

function lowerRule(written: Infer<typeof ruleSchema>, lowering: Lowering): AuthorizationRule {
  return {
    from: (written.from ?? []).map(({ source }) => lowerSource(source, lowering)),
    to: (written.to ?? []).map(({ operation }) => lowerOperation(operation, lowering)),
    when: written.when.map((condition) => lowerCondition(condition, lowering)),
    origin: lowering.originOf(written),
  };
}

/** CUSTOM decides before tokens are checked, and its rules are about requests, not about who is behind them. */
function checkCustom(rule: Infer<typeof ruleSchema>, lowering: Lowering): void {
  const refuse = (owner: Located, field: string, what: string): void =>
    lowering.error('TUL015', owner, field, `${what} cannot be asked by a CUSTOM policy, which decides before anybody is known`);
  for (const { source } of rule.from ?? []) {
    for (const field of source[PLACE].fields.keys()) if (!CUSTOM_SOURCES.includes(field)) refuse(source, field, field);
  }
  for (const condition of rule.when) {
    if (/^(?:source\.(?!ip$)|request\.auth\.)/.test(condition.key)) refuse(condition, 'key', condition.key);
  }
}

const CUSTOM_SOURCES = ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'];

/** What is tried only is counted, and neither AUDIT nor who is asked counts. */
function checkDryRun(spec: Spec, written: string | undefined, lowering: Lowering): void {
  if (written === undefined) return;
  if (written !== 'true' && written !== 'false')
    lowering.error('TUL014', spec, '', `the annotation ${DRY_RUN} is "${written}", wants "true" or "false"`);
  else if (spec.action === 'AUDIT' || spec.action === 'CUSTOM')
    lowering.error('TUL015', spec, 'action', `the annotation ${DRY_RUN} is for ALLOW and DENY: ${spec.action} enforces nothing by itself`);
}

function checkProvider(spec: Spec, lowering: Lowering): void {
  if (spec.action !== 'CUSTOM') {
    if (spec.provider !== undefined) lowering.error('TUL015', spec, 'provider', `${spec.action} asks nobody: provider goes with CUSTOM`);
    return;
  }
  if (spec.provider === undefined) lowering.error('TUL011', spec, 'action', 'CUSTOM wants a provider, by its name in MeshConfig');
  for (const rule of spec.rules ?? []) checkCustom(rule, lowering);
}

/** Istio AuthorizationPolicy: who may call what. */
export const authorizationPolicy = defineDialect({
  kind: 'AuthorizationPolicy',
  apiVersions: SECURITY,
  description: 'Who may call what.',
  fields: { spec: required(specSchema, 'Workloads, action and rules; {} denies everything.') },
  lower({ spec }: { readonly spec: Spec }, lowering) {
    const { createdAt, origin, annotations } = lowering;
    const rules = spec.rules ?? [];
    if (spec.action !== 'ALLOW' && rules.length === 0) {
      lowering.error(
        'TUL011',
        spec,
        spec[PLACE].fields.has('rules') ? 'rules' : 'action',
        `${spec.action} without rules would never match: give rules, or rules: [{}] for everything`,
      );
    }
    checkProvider(spec, lowering);
    checkDryRun(spec, annotations[DRY_RUN], lowering);
    return {
      kind: 'authorization-policy',
      value: {
        ...lowerTarget(spec, lowering),
        action: spec.action,
        provider: spec.provider?.name ?? '',
        isDryRun: annotations[DRY_RUN] === 'true',
        rules: rules.map((rule) => lowerRule(rule, lowering)),
        createdAt,
        origin,
      },
    };
  },
});
