/**
 * Syntax trees of the Common Expression Language (google.api.expr.v1alpha1) as the text that they stand for. Macros over
 * lists (`all`, `exists`) are refused, as Envoy refuses them: they are trees that may run for long.
 */
import { ConfigError } from '../../core/errors.ts';
import type {
  Constant,
  Expr,
  Expr_Call as Call,
  Expr_CreateStruct as Struct,
  Expr_Select as Select,
} from '../../xds/gen/google/api/expr/v1alpha1/syntax_pb.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const UNARY: Readonly<Record<string, string>> = { '!_': '!', '-_': '-' };
const BINARY: ReadonlySet<string> = new Set(['&&', '||', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%']);
const MEMBERSHIP: ReadonlySet<string> = new Set(['@in', '_in_', 'in']);

function nameAt(name: string, path: string): string {
  if (!NAME.test(name)) throw new ConfigError(path, `${JSON.stringify(name)} is no name`);
  return name;
}

function doubleText(value: number, path: string): string {
  if (!Number.isFinite(value)) throw new ConfigError(path, `${value} is no number`);
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function constantText({ constantKind: { case: kind, value } }: Constant, path: string): string {
  switch (kind) {
    case 'nullValue':
      return 'null';
    case 'boolValue':
    case 'int64Value':
      return `${value}`;
    case 'uint64Value':
      return `${value}u`;
    case 'doubleValue':
      return doubleText(value, path);
    case 'stringValue':
      return JSON.stringify(value);
    case 'bytesValue':
      return `b"${[...value].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`;
    default:
      throw new ConfigError(path, `${kind ?? 'nothing'} is not supported by Tulle`);
  }
}

function callText({ target, function: name, args }: Call, path: string): string {
  const texts = args.map((arg, i) => exprText(arg, `${path}.args[${i}]`));
  const [a = '', b = '', c = ''] = texts;
  if (target !== undefined) return `${exprText(target, `${path}.target`)}.${nameAt(name, `${path}.function`)}(${texts.join(', ')})`;
  const operator = /^_(.+)_$/.exec(name)?.[1] ?? '';
  if (texts.length === 1 && UNARY[name] !== undefined) return `(${UNARY[name]}${a})`;
  if (texts.length === 2 && MEMBERSHIP.has(name)) return `(${a} in ${b})`;
  if (texts.length === 2 && name === '_[_]') return `${a}[${b}]`;
  if (texts.length === 2 && BINARY.has(operator)) return `(${a} ${operator} ${b})`;
  if (texts.length === 3 && name === '_?_:_') return `(${a} ? ${b} : ${c})`;
  return `${nameAt(name, `${path}.function`)}(${texts.join(', ')})`;
}

function structText({ messageName, entries }: Struct, path: string): string {
  if (messageName !== '') throw new ConfigError(`${path}.message_name`, 'is not supported by Tulle');
  const texts = entries.map(({ keyKind, value }, i) => {
    const at = `${path}.entries[${i}]`;
    if (keyKind.case !== 'mapKey') throw new ConfigError(`${at}.field_key`, 'is for messages');
    return `${exprText(keyKind.value, `${at}.map_key`)}: ${exprText(value, `${at}.value`)}`;
  });
  return `{${texts.join(', ')}}`;
}

/** A tree may select what no text can, by any key of a map. */
function selectText({ operand, field, testOnly }: Select, path: string): string {
  const of = exprText(operand, `${path}.operand`);
  if (NAME.test(field)) return testOnly ? `has(${of}.${field})` : `${of}.${field}`;
  const key = JSON.stringify(field);
  return testOnly ? `(${key} in ${of})` : `${of}[${key}]`;
}

/** The text of a tree that stands at `path`. Throws ConfigError for what has none. */
export function exprText(expr: Expr | undefined, path: string): string {
  const kind = expr?.exprKind;
  switch (kind?.case) {
    case 'constExpr':
      return constantText(kind.value, `${path}.const_expr`);
    case 'identExpr':
      return nameAt(kind.value.name, `${path}.ident_expr.name`);
    case 'selectExpr':
      return selectText(kind.value, `${path}.select_expr`);
    case 'callExpr':
      return callText(kind.value, `${path}.call_expr`);
    case 'listExpr':
      return `[${kind.value.elements.map((each, i) => exprText(each, `${path}.list_expr.elements[${i}]`)).join(', ')}]`;
    case 'structExpr':
      return structText(kind.value, `${path}.struct_expr`);
    case 'comprehensionExpr':
      throw new ConfigError(`${path}.comprehension_expr`, 'is not supported by Tulle, nor by Envoy');
    default:
      throw new ConfigError(path, 'says nothing');
  }
}
