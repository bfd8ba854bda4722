// The filters of the fleet file over one machine. Unknown is not good enough where the fleet file asks for a figure.
import type { Blacklist } from '../../wire/blacklist.ts';
import { marketCountry } from '../../stratum/address.ts';
import { type Fleet, modelKey } from './fleet.ts';
import { type Refused, refused } from './reasons.ts';
import type { Machine } from './snapshot.ts';

/** The black list as sets of texts, with the reasons. */
export interface Banned {
  servers: ReadonlyMap<string, string>;
  hosts: ReadonlyMap<string, string>;
}

export function bannedBy(list: Blacklist): Banned {
  return {
    servers: new Map(list.servers.map(({ id, reason }) => [String(id), reason])),
    hosts: new Map(list.hosts.map(({ id, reason }) => [id, reason])),
  };
}

/** Why this machine is not wanted, before its price is looked at; null: it is. */
export function screen(server: string, machine: Machine, o: { fleet: Fleet; banned: Banned }): Refused | null {
  const ban = o.banned.servers.get(server);
  if (ban !== undefined) return refused('blacklisted_server', ban);
  const hostBan = machine.host === null ? undefined : o.banned.hosts.get(machine.host);
  if (hostBan !== undefined) return refused('blacklisted_host', hostBan);
  if (!machine.online) return refused('not_online');
  if (machine.working_properly === false) return refused('not_working');
  if (machine.on_demand_rented) return refused('on_demand_rented');
  return byFilter(machine, o.fleet);
}

function byFilter(machine: Machine, { filter, gpus }: Fleet): Refused | null {
  const cc = countryOf(machine);
  const { countries, not_countries } = filter;
  if (cc === null && (countries !== undefined || not_countries.length > 0)) return refused('country', 'not told');
  if (cc !== null && (countries?.includes(cc) === false || not_countries.includes(cc))) return refused('country', cc);
  const count = machine.gpus.length;
  if (count < filter.min_gpus || count > filter.max_gpus) return refused('gpu_count', String(count));
  const stranger = machine.gpus.find(({ model }) => !gpus.has(modelKey(model)));
  if (stranger !== undefined) return refused('gpu_model', stranger.model);
  if (isBelow(machine.reliability, filter.min_reliability)) return refused('reliability', said(machine.reliability));
  if (isBelow(machine.ram, filter.min_ram_gb)) return refused('ram', said(machine.ram, ' GB'));
  if (filter.min_cuda !== undefined && isOlder(machine.cuda, filter.min_cuda))
    return refused('cuda', said(machine.cuda));
  const rental_h = machine.max_rental_length === null ? null : machine.max_rental_length / 3600;
  if (isBelow(rental_h, filter.min_rental_h))
    return refused('rental_length', said(rental_h === null ? null : Math.round(rental_h * 10) / 10, ' h'));
  return null;
}

/** Where the machine counts as standing; null where the market does not say it in two letters. */
export function countryOf({ cc }: Pick<Machine, 'cc'>): string | null {
  const code = cc?.toUpperCase() ?? '';
  return /^[A-Z]{2}$/.test(code) ? marketCountry(code) : null;
}

function isBelow(value: number | null, least: number): boolean {
  return least > 0 && (value === null || value < least);
}

function isOlder(version: string | null, least: string): boolean {
  const [, major, minor = '0'] = /^(\d+)(?:\.(\d+))?/.exec(version ?? '') ?? [];
  if (major === undefined) return true;
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return Number(major) < leastMajor || (Number(major) === leastMajor && Number(minor) < leastMinor);
}

function said(value: number | string | null, unit = ''): string {
  return value === null ? 'not told' : `${value}${unit}`;
}
