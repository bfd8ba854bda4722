// All that the owner's frpc needs to reach a worker's services. It is full of secrets: for the admin alone.
import { deriveSecret } from '../../platform/derive.ts';
import { readTextIfPresent } from '../../platform/durable-file.ts';
import { FRP_OWNER, frpSecretLabel } from '../../wire/frp-names.ts';
import type { AttachAnswer } from '../../wire/frp.ts';
import type { CollectorDeps } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import { macOf } from '../tokens.ts';
import { staffTicket } from './tickets.ts';

/** An owner's ticket lives for a day. */
const OWNER_TICKET_S = 86_400;
const CA_MAX_BYTES = 1024 * 1024;

/** Throws Refusal 404 where there is no way, with what is missing. */
export async function attachAnswer(
  worker: string,
  { frp, keys, store, clock, settings }: Pick<CollectorDeps, 'frp' | 'keys' | 'store' | 'clock' | 'settings'>,
): Promise<AttachAnswer> {
  const { frp: config } = settings.config;
  if (frp === null || config === null) {
    throw new Refusal('not_found', 'this collector has no way through frp: give it [frp] in collector.toml');
  }
  const facts = await store.frp(worker);
  if (facts === null) {
    throw new Refusal(
      'not_found',
      `${worker} has told of no way through frp: its order needs SPOTRIG_FRP and SPOTRIG_FRP_CA, and a report since its start`,
    );
  }
  await keys.refresh();
  const key = facts.token === null ? null : keys.secretOf(facts.token.kid);
  if (facts.token === null || key === null) {
    throw new Refusal('not_found', `the token that ${worker} reports by is of a key that keys.json has no more`);
  }
  const { kid, expires_s } = facts.token;
  const mac = macOf(key, kid, worker, expires_s);
  const ca_pem = await readTextIfPresent(config.ca_file, CA_MAX_BYTES);
  if (ca_pem === null) {
    throw new Refusal('not_found', `${config.ca_file} is not there: [frp] ca in collector.toml names the PEM file`);
  }
  await frp.refresh();
  return {
    worker,
    frps: [...config.addresses],
    token: frp.values.token,
    ca_pem,
    user: FRP_OWNER,
    ticket: staffTicket(keys, 'owner', Math.floor(clock.nowMs() / 1000) + OWNER_TICKET_S),
    services: facts.record.exposed.map(({ name, type, state, remote_port }) => ({
      ...{ name, type, state },
      secret_key: type === 'stcp' ? deriveSecret(mac, frpSecretLabel(name)) : null,
      remote_port: type === 'tcp' ? remote_port : null,
    })),
  };
}
