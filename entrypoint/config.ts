// The one reader of the environment: all of it at once, all complaints at once. The result is frozen.
import { registerSecret, registerWallet } from '../platform/secrets.ts';
import type { PoolUrl } from '../stratum/pool-url.ts';
import { parseCollectorAddress } from '../wire/collector-address.ts';
import { EGRESS_MAX } from '../wire/limits.ts';
import { parseToken } from '../wire/token.ts';
import { Complaint, ENV_VALUE_MAX_CHARS, HEAD_VARIABLES, SETTINGS, type Setting } from './settings.ts';

type SettingValues = { [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never };

/** Everything the worker was told. `worker` is its name on the wire, from the token. */
export interface Config extends Readonly<SettingValues> {
  readonly worker: string;
  readonly poolWorker: string;
  /** Folder of the script's own address, as a mirror; null where there is none. */
  readonly scriptMirror: string | null;
  readonly boot: string;
  readonly payloadSha256: string | null;
}

/** What was wrong, one sentence each; and what could be read, so that the owner can still be told over the network. */
export interface Refusal {
  complaints: string[];
  readable: Partial<SettingValues>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the order's settings. Every secret among them is registered before anything else can log it. */
export function readConfig(env: Environment): { config: Config } | { refusal: Refusal } {
  for (const key of settingKeys()) {
    const setting: Setting<unknown> = SETTINGS[key];
    const text = env[setting.env];
    if (setting.secret && text !== undefined) registerSecrets(key, text);
  }
  const { complaints, values } = readValues(env);
  registerValues(values);
  const token = values.token === undefined ? null : parseToken(values.token);
  const boot = env['SPOTRIG_BOOT'] ?? '';
  if (!/^[0-9a-f]{32}$/.test(boot)) complaints.push('SPOTRIG_BOOT is not set: start spotrig through its entrypoint.sh');
  if (complaints.length > 0 || token === null) return { refusal: { complaints, readable: values } };
  const whole = values as SettingValues;
  return {
    config: Object.freeze({
      ...whole,
      worker: token.worker,
      poolWorker: whole.poolWorker ?? token.worker,
      scriptMirror: folderOf(env['DELEGATED_ENTRYPOINT']),
      boot,
      payloadSha256: env['SPOTRIG_PAYLOAD_SHA256'] ?? null,
    }),
  };
}

/**
 * What a worker would complain of in the env of an order, in sentences that repeat no secret; [] where it would start. Registers
 * nothing: whoever places orders reads thousands of them.
 */
export function orderComplaints(env: Environment): string[] {
  return readValues(env).complaints;
}

function settingKeys(): (keyof SettingValues)[] {
  return Object.keys(SETTINGS) as (keyof SettingValues)[];
}

/** All settings that can be read, and what is wrong with the others and with all together. */
function readValues(env: Environment): { complaints: string[]; values: Partial<SettingValues> } {
  const complaints: string[] = [];
  const readable: Partial<Record<keyof SettingValues, unknown>> = {};
  for (const key of settingKeys()) {
    const setting: Setting<unknown> = SETTINGS[key];
    const text = env[setting.env];
    if (text === undefined || text === '') {
      if (setting.fallback === undefined)
        complaints.push(`${setting.env} is not set: ${setting.about} (${setting.syntax})`);
      else readable[key] = setting.fallback;
      continue;
    }
    if (text.length > ENV_VALUE_MAX_CHARS) {
      complaints.push(`${setting.env} has ${text.length} characters; an order takes ${ENV_VALUE_MAX_CHARS}`);
      continue;
    }
    try {
      readable[key] = setting.read(text.trim());
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      complaints.push(`${setting.env} ${error.message}`);
    }
  }
  const values = readable as Partial<SettingValues>;
  complaints.push(...unknownNames(env), ...conflicts(values));
  return { complaints, values };
}

/** Registers the secrets that stand inside of values. */
function registerValues(values: Partial<SettingValues>): void {
  for (const pool of values.pools ?? []) {
    if (pool.password !== null) registerSecret(pool.password);
    if (pool.login !== null) registerSecret(pool.login);
    for (const word of [pool.proxy?.login, pool.proxy?.password]) if (typeof word === 'string') registerSecret(word);
  }
  for (const { token } of values.frp ?? []) if (token !== null) registerSecret(token);
  if (typeof values.frpSshKey === 'string') registerSecret(values.frpSshKey);
  if (typeof values.wallet === 'string') registerWallet(values.wallet);
}

/** The whole value of a secret variable is a secret; of a list of addresses only the logins are, the rest is shown to the owner. */
function registerSecrets(key: keyof SettingValues, text: string): void {
  if (key === 'frp') for (const m of text.matchAll(/:\/\/:?([^\s/@]+)@/g)) registerSecret(m[1] ?? '');
  else if (key !== 'pools') registerSecret(text.trim());
  else for (const m of text.matchAll(/(?::\/\/|socks5=)([^\s/@]+)@/gi)) if (m[1] !== undefined) registerSecret(m[1]);
}

/** Variables that look like ours and are none: a typing error would otherwise pass in silence and cost rent. */
function unknownNames(env: Environment): string[] {
  const known = new Set<string>([...Object.values(SETTINGS).map((s) => s.env), ...HEAD_VARIABLES]);
  const strangers = Object.keys(env).filter((name) => name.startsWith('SPOTRIG_') && !known.has(name));
  return strangers.map((name) => {
    const near = [...known].find((k) => k.startsWith(name) || name.startsWith(k) || distance(k, name) <= 2);
    return `${name} is not a setting of spotrig${near === undefined ? '' : `; did you mean ${near}?`}`;
  });
}

/** Edit distance (Levenshtein), for one hint per unknown name. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Combinations that cannot work, each in a sentence that names the variables. */
function conflicts(values: Partial<SettingValues>): string[] {
  const found: string[] = [];
  const pools = values.pools ?? [];
  if (pools.some((pool) => pool.login === null) && values.wallet === null) {
    found.push('SPOTRIG_WALLET is not set, and a pool of SPOTRIG_POOLS has no login of its own: set one of the two');
  }
  if (values.relay === false) {
    if (pools.some((pool) => pool.login !== null) && values.wallet === null) {
      found.push('SPOTRIG_RELAY=off cannot use the login in SPOTRIG_POOLS: set SPOTRIG_WALLET and SPOTRIG_PASSWORD');
    }
    if (pools.some((pool) => !isPlain(pool))) {
      found.push(
        'SPOTRIG_RELAY=off cannot use socks5, pin, tls or a name for sni in SPOTRIG_POOLS: only the relay can',
      );
    }
  }
  found.push(...egressConflicts(values), ...frpConflicts(values));
  if ((values.collectorPins?.length ?? 0) > 0 && values.collectors?.some((url) => url.startsWith('http:')) === true) {
    found.push('SPOTRIG_COLLECTOR_PIN needs https addresses in SPOTRIG_COLLECTOR: plain http has no key to pin');
  }
  return found;
}

/** What is reached through frp, by name: the exports that the settings speak of. */
export function egressNames({ pools, collectors }: Pick<SettingValues, 'pools' | 'collectors'>): string[] {
  const ofCollectors = collectors.map((address) => parseCollectorAddress(address)?.frp ?? null);
  return [...new Set([...pools.map(({ frp }) => frp), ...ofCollectors])].filter((name) => name !== null);
}

/** What is missing for the exports that the settings speak of. */
function egressConflicts({ pools = [], collectors = [], relay }: Partial<SettingValues>): string[] {
  const found: string[] = [];
  const names = egressNames({ pools, collectors });
  if (names.length > EGRESS_MAX)
    found.push(`SPOTRIG_POOLS and SPOTRIG_COLLECTOR name ${names.length} exports of frp; a worker takes ${EGRESS_MAX}`);
  if (relay === false && pools.some(({ frp }) => frp !== null))
    found.push(
      'SPOTRIG_RELAY=off cannot use frp+stcp:// in SPOTRIG_POOLS: only the relay can go back to a direct pool',
    );
  return found;
}

/** What the way through frp lacks, or what would lie idle without it. */
function frpConflicts(values: Partial<SettingValues>): string[] {
  const { frp, frpCa, frpc, frpSshKey, expose = [], egressKey, pools = [], collectors = [] } = values;
  // Where it could not be read, that is told already.
  if (frp === undefined) return [];
  const found: string[] = [];
  const names = egressNames({ pools, collectors });
  if (frp.length === 0) {
    if (expose.length > 0) found.push('SPOTRIG_EXPOSE needs SPOTRIG_FRP: without an frps nothing can be reached');
    if (names.length > 0)
      found.push(`SPOTRIG_FRP is not set, and ${names[0]} of SPOTRIG_POOLS or SPOTRIG_COLLECTOR is reached through it`);
    return found;
  }
  if (frpCa === null)
    found.push('SPOTRIG_FRP needs SPOTRIG_FRP_CA: without an authority anybody in between could be the frps');
  if (frpc === null) {
    found.push(
      'SPOTRIG_FRPC is not set, and this build has no frpc pinned: give frpc@/path of a program in the image, or pin one with ' +
        '`npx spotrig pin frpc <archive>` and build again',
    );
  }
  if (names.length > 0 && egressKey === null)
    found.push(`SPOTRIG_EGRESS_KEY is not set, and ${names[0]} of SPOTRIG_POOLS or SPOTRIG_COLLECTOR needs it`);
  if (frpSshKey === null && frp.some(({ ssh }) => ssh !== null))
    found.push('SPOTRIG_FRP_SSH_KEY is not set, and the option ssh of SPOTRIG_FRP needs it');
  return found;
}

/** What any miner can be told by its command line: an address, TLS or not, and whether the name is sent. */
function isPlain({ host, tls, proxy }: PoolUrl): boolean {
  if (proxy !== null) return false;
  if (tls === null) return true;
  const isAnyVersion = tls.minVersion === 'TLSv1.2' && tls.maxVersion === 'TLSv1.3';
  return isAnyVersion && tls.pins.length === 0 && (tls.sni === null || tls.sni === host);
}

/** `https://host/a/entrypoint.sh?x#y` → `https://host/a`. */
function folderOf(url: string | undefined): string | null {
  const parsed = url === undefined ? null : URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) return null;
  return parsed.origin + parsed.pathname.replace(/\/[^/]*$/, '');
}
