import type { Diagnostic } from '../../model/provenance.ts';
import type { DiagnosticCode } from './codes.ts';
import { joinPath, PLACE, positionOf, type Located, type Position } from './located.ts';

/** Collects what is wrong with one resource. */
export interface Report {
  readonly diagnostics: Diagnostic[];
  /** Named in every diagnostic from when it is known. */
  resource: string | undefined;
  add(severity: Diagnostic['severity'], code: DiagnosticCode, at: Position, field: string, message: string): void;
  /** The resource is refused; `subpath` is a field inside `owner`, '' for all of it. */
  error(code: DiagnosticCode, owner: Located, subpath: string, message: string): void;
  /** The resource stands, but not all of it does what it says. */
  warning(code: DiagnosticCode, owner: Located, subpath: string, message: string): void;
  hasErrors(): boolean;
}

/** An empty report on a document of `file`. */
export function createReport(file: string): Report {
  const report: Report = {
    diagnostics: [],
    resource: undefined,
    add(severity, code, { line, column }, field, message) {
      const { resource } = report;
      report.diagnostics.push({
        severity,
        code,
        message,
        file,
        line,
        column,
        ...(resource === undefined ? {} : { resource }),
        ...(field === '' ? {} : { field }),
      });
    },
    error(code, owner, subpath, message) {
      report.add('error', code, positionOf(owner, subpath), joinPath(owner[PLACE].path, subpath), message);
    },
    warning(code, owner, subpath, message) {
      report.add('warning', code, positionOf(owner, subpath), joinPath(owner[PLACE].path, subpath), message);
    },
    hasErrors: () => report.diagnostics.some(({ severity }) => severity === 'error'),
  };
  return report;
}
