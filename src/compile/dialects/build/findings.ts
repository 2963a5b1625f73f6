import type { Diagnostic, Provenance } from '../../../model/provenance.ts';
import type { DiagnosticCode } from '../../schema/codes.ts';
import { resourceKey } from '../dialect.ts';

/** Collects what is wrong between resources. */
export interface Findings {
  readonly diagnostics: Diagnostic[];
  error(code: DiagnosticCode, origin: Provenance, message: string): void;
  warning(code: DiagnosticCode, origin: Provenance, message: string): void;
}

/** No findings yet. */
export function createFindings(): Findings {
  const diagnostics: Diagnostic[] = [];
  const add = (severity: Diagnostic['severity'], code: DiagnosticCode, origin: Provenance, message: string): void => {
    const { kind, namespace, name, file, line, field } = origin;
    const resource = resourceKey(kind, namespace, name);
    diagnostics.push({ severity, code, message, file, line, column: 1, resource, ...(field === '' ? {} : { field }) });
  };
  return {
    diagnostics,
    error: (code, origin, message) => add('error', code, origin, message),
    warning: (code, origin, message) => add('warning', code, origin, message),
  };
}

/** `VirtualService shop/payments (payments.yaml:3)`: names another resource in a message. */
export function nameOf({ kind, namespace, name, file, line }: Provenance): string {
  return `${resourceKey(kind, namespace, name)} (${file}:${line})`;
}
