import type { LeveledLog } from '../core/log.ts';
import type { Assembly } from './assembly.ts';
import { readTrimmed } from './read-trimmed.ts';
import { Identity } from './config/identity.ts';
import type { SecretValue } from './config/secrets.ts';
import { OWN_KEY_PAIR, OWN_TRUST } from './stores.ts';

const SIGN_TIMEOUT_MS = 10_000;
const CERTIFICATE_LIFE_SECONDS = 86_400n;

/** The proxy's own identity, where its bootstrap asks for one; `onSecret` gets what the SDS names that it answers stand for. */
export function createIdentity(
  { adsSettings, tulle, clock, random, stats }: Assembly,
  log: LeveledLog,
  onSecret: (name: string, value: SecretValue) => void,
): Identity | undefined {
  const { tokenFile } = tulle;
  if (tokenFile === undefined || adsSettings === undefined) return undefined;
  return new Identity({
    async sign(csr) {
      const [{ callUnary }, { IstioCertificateService }] = await Promise.all([
        import('../net/grpc-client.ts'),
        import('../xds/gen/istio/v1/auth/ca_pb.ts'),
      ]);
      const call = { token: () => readTrimmed(tokenFile), timeoutMs: SIGN_TIMEOUT_MS };
      const request = { csr, validityDuration: CERTIFICATE_LIFE_SECONDS };
      return (await callUnary(adsSettings.target, IstioCertificateService.method.createCertificate, request, call)).certChain;
    },
    onCertificate(keyPair, trust) {
      onSecret(OWN_TRUST, { trust });
      onSecret(OWN_KEY_PAIR, { keyPair });
    },
    clock,
    random,
    log,
    stats: stats.scope('identity'),
  });
}
