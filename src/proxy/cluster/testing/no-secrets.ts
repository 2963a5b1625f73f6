import type { SecretStore, Watched } from '../../config/secret-store.ts';

const nothing: Watched<never> = { current: () => undefined, watch: () => () => {} };

/** A store where no secret ever arrives. */
export const noSecrets: SecretStore = { keyPair: () => nothing, trust: () => nothing, ticketKeys: () => nothing };
