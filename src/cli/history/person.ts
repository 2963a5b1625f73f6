/** Who sits at the terminal, for the history. */
import os from 'node:os';

function systemUser(): string {
  try {
    return os.userInfo().username;
  } catch {
    return ''; // a user id without a name, as in containers
  }
}

/** The name of the user, behind `sudo` too. */
export function person(): string {
  return process.env['SUDO_USER'] ?? (systemUser() || (process.env['USER'] ?? ''));
}
