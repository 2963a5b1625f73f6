import { loadRe2, Re2Missing } from '../core/re2.ts';
import { type Assembly, assemble, type AssemblyOptions } from './assembly.ts';

/** Builds all parts; a regular expression that needs re2js loads it. Throws ConfigError. */
export async function assembleWhole(options: AssemblyOptions): Promise<Assembly> {
  try {
    return assemble(options);
  } catch (error) {
    if (!(error instanceof Re2Missing)) throw error;
    await loadRe2();
    return assemble(options);
  }
}
