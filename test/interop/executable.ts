/** Programs that tests look for on the machine. */
import { accessSync, constants } from 'node:fs';

/** True for a file that may be run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
