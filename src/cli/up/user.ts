/** Who applications run as. */

/** The user who called sudo, where one did; undefined: as this process. */
export function applicationUser(env: NodeJS.ProcessEnv): { uid: number; gid: number } | undefined {
  const uid = Number(env['SUDO_UID']);
  const gid = Number(env['SUDO_GID']);
  const isSudo = process.getuid?.() === 0 && Number.isInteger(uid) && Number.isInteger(gid) && uid > 0;
  return isSudo ? { uid, gid } : undefined;
}
