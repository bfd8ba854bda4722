// What frps is told of one request whose ticket is good. Pure: the port of a tcp service is the store's to give.
import { FRP_CANARY, FRP_EGRESS, FRP_SERVICE, egressProxyName } from '../../wire/frp-names.ts';
import { egressKeyId } from '../../platform/derive.ts';
import type { FrpConfig } from './settings.ts';
import type { FrpHolder } from './tickets.ts';

/** Why something is refused: fixed words of ours, for counters and limits. */
export type FrpRefusal =
  | 'no_ticket'
  | 'unknown_kid'
  | 'bad_secret'
  | 'foreign_user'
  | 'expired'
  | 'revoked'
  | 'bad_token'
  | 'foreign_name'
  | 'bad_name'
  | 'bad_type'
  | 'no_ports'
  | 'port_out_of_range'
  | 'port_taken'
  | 'too_many'
  | 'owner_exposes'
  | 'unlisted_egress';

export type FrpVerdict =
  | { allow: true }
  /** Good, if the store has this port, or any (null), for the service. */
  | { allow: 'with_port'; service: string; port: number | null }
  | { allow: false; code: FrpRefusal; reason: string };

export interface FrpProxyAsk {
  user: string;
  /** As on the wire: `<user>.<service>`. */
  name: string;
  type: string;
  /** 0: any. Of type tcp. */
  remote_port: number;
}

type JudgeConfig = Pick<FrpConfig, 'ports' | 'max_proxies' | 'egress'>;

/** A new proxy. `others`: the user's live proxies of other names, the canary left out. */
export function judgeNewProxy(
  holder: FrpHolder,
  ask: FrpProxyAsk,
  world: { config: JudgeConfig; egress_keys: readonly string[]; others: number },
): FrpVerdict {
  if (holder.role === 'owner')
    return refused('owner_exposes', 'the owner’s frpc has visitors only: it exposes nothing');
  if (!ask.name.startsWith(`${ask.user}.`)) {
    return refused('foreign_name', `the name does not begin with ${ask.user}. : set frpc’s user to the worker’s name`);
  }
  if (holder.role === 'egress') return judgeEgress(ask, world);

  const { ports, max_proxies } = world.config;
  const service = ask.name.slice(ask.user.length + 1);
  if (!FRP_SERVICE.test(service)) return refused('bad_name', 'a service’s name has lower-case letters, digits and -');
  if (ask.type !== 'stcp' && (ask.type !== 'tcp' || service === FRP_CANARY)) {
    return refused('bad_type', `of type ${ask.type.slice(0, 12)}: a service is of type stcp or tcp, the canary stcp`);
  }
  if (service !== FRP_CANARY && world.others >= max_proxies) {
    return refused(
      'too_many',
      `the worker has ${world.others} services, and max_proxies of collector.toml is ${max_proxies}`,
    );
  }
  if (ask.type === 'stcp') return { allow: true };
  if (ports === null) return refused('no_ports', 'collector.toml gives no ports for type tcp ([frp] ports)');
  const { remote_port: port } = ask;
  if (port !== 0 && (port < ports.first || port > ports.last)) {
    return refused('port_out_of_range', `port ${port} is not within ${ports.first}-${ports.last} ([frp] ports)`);
  }
  return { allow: 'with_port', service, port: port === 0 ? null : port };
}

/** Whether a proxy of the exporting frpc may be reached: a target can be taken off the list while its frpc runs. */
export function judgeEgress(
  ask: Pick<FrpProxyAsk, 'name' | 'type'>,
  { config, egress_keys }: { config: Pick<JudgeConfig, 'egress'>; egress_keys: readonly string[] },
): FrpVerdict {
  const ids = egress_keys.map(egressKeyId);
  const listed = config.egress.flatMap(({ name }) => ids.map((id) => `${FRP_EGRESS}.${egressProxyName(name, id)}`));
  if (!listed.includes(ask.name)) {
    return refused('unlisted_egress', 'not of [[frp.egress]] in collector.toml with one of the keys of frp.json');
  }
  return ask.type === 'stcp' ? { allow: true } : refused('bad_type', 'an exported target is of type stcp');
}

/** The refusal of a port that the store did not give. */
export function portRefused(port: number | null, ports: { first: number; last: number } | null): FrpVerdict {
  return port === null
    ? refused('port_taken', `no port of ${ports?.first}-${ports?.last} is free ([frp] ports)`)
    : refused('port_taken', `port ${port} is another service’s`);
}

/** What is said of a ticket that is not good. */
export const TICKET_REASONS = {
  no_ticket: 'no ticket in metadatas.spotrig: only spotrig’s frpc is let in',
  unknown_kid: 'the ticket is of a key that this collector has not',
  bad_secret: 'the ticket is not one of this collector’s',
  foreign_user: 'the ticket is another’s than frpc’s user',
  expired: 'the token has expired: mint a new one with `spotrig token mint`',
  revoked: 'the token was revoked: mint a new one with `spotrig token mint`',
} as const;

function refused(code: FrpRefusal, reason: string): FrpVerdict {
  return { allow: false, code, reason };
}
