/** The annotation `proxy.istio.io/config`: settings of one workload's proxy, as YAML in a text. */
import { LineCounter, parseDocument } from 'yaml';
import type { ProxySettings } from '../../../model/proxy-settings.ts';
import type { Located } from '../../schema/located.ts';
import { decode } from '../../schema/decode.ts';
import { createReport } from '../../schema/report.ts';
import type { Lowering } from '../dialect.ts';
import { lowerProxySettings, proxySettingsSchema } from './proxy-settings.ts';

const ANNOTATION = 'proxy.istio.io/config';

/** The settings that the annotation of a resource has; undefined where it has none, or they are refused. */
export function lowerProxyAnnotation(owner: Located, lowering: Lowering): ProxySettings | undefined {
  const text = lowering.annotations[ANNOTATION];
  if (text === undefined) return undefined;
  const where = `the annotation ${ANNOTATION}`;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  for (const { message } of document.errors) lowering.error('TUL001', owner, '', `${where} is not YAML: ${message}`);
  if (document.errors.length > 0) return undefined;
  const report = createReport('');
  const written = decode(proxySettingsSchema, { document, lines, lineOffset: 0 }, document.contents, report);
  for (const { severity, field = '', message } of report.diagnostics) {
    const said = `${where}: ${field === '' ? '' : `${field}: `}${message}`;
    if (severity === 'error') lowering.error('TUL013', owner, '', said);
    else lowering.warning('TUL016', owner, '', said);
  }
  if (written === undefined) return undefined;
  const error: Lowering['error'] = (code, _owner, subpath, message) => lowering.error(code, owner, '', `${where}: ${subpath}: ${message}`);
  return lowerProxySettings(written, { error });
}
