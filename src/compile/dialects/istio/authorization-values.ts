import type { Values } from '../../../model/security.ts';
import { hasFormat, formatAllows, type FormatName } from '../../schema/formats.ts';
import type { Located } from '../../schema/located.ts';
import { PLACE } from '../../schema/located.ts';
import { list, string } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

/** Values of a list in a policy: exact, `prefix*`, `*suffix` or `*`. An empty list would match nothing, so it is refused. */
export const valuesSchema = list(string(), 1);

/** A list and its negation, each of which may be absent. */
export function lowerValues(values: readonly string[] | undefined, notValues: readonly string[] | undefined): Values {
  return { values: values ?? [], notValues: notValues ?? [] };
}

/** A star may stand at one end only; elsewhere it would count as itself. */
export function checkStars(owner: Located, field: string, values: readonly string[] | undefined, lowering: Lowering): void {
  for (const [index, value] of (values ?? []).entries()) {
    if (!value.slice(1, -1).includes('*') && value !== '**') continue;
    lowering.error('TUL013', owner, `${field}[${index}]`, `found "${value}": a star may stand at the beginning or the end only`);
  }
}

/** Every value must be of the format. */
export function checkFormat(
  owner: Located,
  field: string,
  values: readonly string[] | undefined,
  format: FormatName,
  lowering: Lowering,
): void {
  for (const [index, value] of (values ?? []).entries()) {
    if (!hasFormat(format, value)) lowering.error('TUL013', owner, `${field}[${index}]`, `found "${value}", wants ${formatAllows(format)}`);
  }
}

/** Trust domains are names without a path. */
export function checkDomains(owner: Located, field: string, values: readonly string[] | undefined, lowering: Lowering): void {
  for (const [index, value] of (values ?? []).entries()) {
    if (value.includes('/')) lowering.error('TUL013', owner, `${field}[${index}]`, `found "${value}": a trust domain has no "/"`);
  }
}

/** Something must be written: an empty source or operation would match everything. */
export function checkNotEmpty(owner: Located, what: string, lowering: Lowering): void {
  if (owner[PLACE].fields.size === 0)
    lowering.error('TUL011', owner, '', `the ${what} is empty: give it a field, or leave it out to match everything`);
}

/** A service account with its namespace; without one it is of the policy's namespace. */
export function completeAccount(account: string, namespace: string): string {
  return account.includes('/') ? account : `${namespace}/${account}`;
}
