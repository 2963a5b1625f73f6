/** Istio's value syntax (`exact`, `prefix*`, `*suffix`, `*`) as Envoy's permissions and principals. */
import { create } from '@bufbuild/protobuf';
import type { StringMatch } from '../../model/match.ts';
import type { Values } from '../../model/security.ts';
import { type Permission, PermissionSchema, type Principal, PrincipalSchema } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { escapeRegex } from './string-match.ts';

/** How a written value matches; `*` alone wants any value that is not empty. */
export function valueMatch(value: string): StringMatch {
  if (value === '*') return { kind: 'regex', value: '.+' };
  if (value.startsWith('*')) return { kind: 'suffix', value: value.slice(1) };
  return value.endsWith('*') ? { kind: 'prefix', value: value.slice(0, -1) } : { kind: 'exact', value };
}

/** A value as part of a regular expression; `any` is what its `*` stands for. */
export function valueRegex(value: string, any: string): string {
  return value.split('*').map(escapeRegex).join(any);
}

/** A permission of one rule. */
export function permission(rule: Permission['rule']): Permission {
  return create(PermissionSchema, { rule });
}

/** A principal of one identifier. */
export function principal(identifier: Principal['identifier']): Principal {
  return create(PrincipalSchema, { identifier });
}

/** Any request. */
const anyPermission = permission({ case: 'any', value: true });

/** Anybody. */
const anyPrincipal = principal({ case: 'any', value: true });

/** All of `rules`; any request where there are none. */
export function allPermissions(rules: Permission[]): Permission {
  return permission({
    case: 'andRules',
    value: { $typeName: 'envoy.config.rbac.v3.Permission.Set', rules: rules.length > 0 ? rules : [anyPermission] },
  });
}

/** All of `ids`; anybody where there are none. */
export function allPrincipals(ids: Principal[]): Principal {
  return principal({
    case: 'andIds',
    value: { $typeName: 'envoy.config.rbac.v3.Principal.Set', ids: ids.length > 0 ? ids : [anyPrincipal] },
  });
}

/** One of `values`, and none of `notValues`, by `one`. */
export function permissionsOf({ values, notValues }: Values, one: (value: string) => Permission): Permission[] {
  const any = (list: readonly string[]) =>
    permission({ case: 'orRules', value: { $typeName: 'envoy.config.rbac.v3.Permission.Set', rules: list.map(one) } });
  return [
    ...(values.length > 0 ? [any(values)] : []),
    ...(notValues.length > 0 ? [permission({ case: 'notRule', value: any(notValues) })] : []),
  ];
}

/** One of `values`, and none of `notValues`, by `one`. */
export function principalsOf({ values, notValues }: Values, one: (value: string) => Principal): Principal[] {
  const any = (list: readonly string[]) =>
    principal({ case: 'orIds', value: { $typeName: 'envoy.config.rbac.v3.Principal.Set', ids: list.map(one) } });
  return [
    ...(values.length > 0 ? [any(values)] : []),
    ...(notValues.length > 0 ? [principal({ case: 'notId', value: any(notValues) })] : []),
  ];
}
