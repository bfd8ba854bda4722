// The collector's settings: flags, SPOTRIG_ADMIN_TOKEN, and collector.toml (config.ts). Read in one place, all complaints at once.
import { BlockList, isIP } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { messageOf } from '../platform/errors.ts';
import { LOG_LEVELS } from '../platform/logger.ts';
import { isLoopbackHost } from './access.ts';
import { CONFIG_FILE, type CollectorConfig, defaultConfig, readConfig } from './config.ts';
import type { RollupSpan } from './store/machine-store.ts';

export interface Settings {
  /** The address as `server.listen` takes it: without brackets. Port 0: any free one. */
  listen: { host: string; port: number };
  data_dir: string;
  release_dir: string;
  page_dir: string;
  /** null: readers need none, on loopback only. */
  admin_token: string | null;
  tls: { cert: string; key: string } | null;
  /** Addresses and networks of proxies whose forwarding headers are believed. */
  trust_proxy: readonly string[];
  insecure_http: boolean;
  log_level: string;
  offline_after_ms: number;
  /** Raw records live this long after they were received. */
  keep_ms: number;
  /** Sums of minutes and of hours live this long after the moment they are of. */
  keep_rollups_ms: Record<RollupSpan, number>;
  config: CollectorConfig;
}

export type SettingsResult =
  { kind: 'settings'; settings: Settings } | { kind: 'help' } | { kind: 'wrong'; complaints: string[] };

const ADMIN_TOKEN_MIN_CHARS = 16;
const DAY_MS = 86_400_000;

/** Printed by --help. */
export const HELP = `spotrig collector: receives the workers' reports, stores them, and shows the fleet.

  --listen HOST:PORT       address to serve on (default 127.0.0.1:8480)
  --data DIR               database and token keys (default ./var/collector)
  --config FILE            collector.toml: pools to measure for workers, their networks (default DIR/collector.toml of --data, if there;
                           docs/collector.toml.example has every key)
  --release DIR            the build that workers fetch: entrypoint.sh, loader.sh, artifacts (default ./dist)
  --page DIR               the built page (default ./dist/page)
  --admin-token-file FILE  token that readers need (or the variable SPOTRIG_ADMIN_TOKEN); without one only loopback is served,
                           and what holds secrets (\`spotrig connect\`) needs the token that is made in DIR/admin.token of --data
  --tls-cert FILE --tls-key FILE   serve https
  --trust-proxy CIDR       a proxy there does https and is believed about it (may be repeated)
  --insecure-http          serve plain http on an address other than loopback
  --keep-days N            days that raw records are kept (default 7)
  --keep-minutes-days N    days that sums of minutes are kept (default 30; some 200 MB a day for 1,000 workers)
  --keep-hours-days N      days that sums of hours are kept (default 400)
  --offline-after-s N      a worker silent for longer is offline (default 60)
  --log-level LEVEL        ${LOG_LEVELS.join(', ')} (default info)
  --help
`;

const OPTIONS = {
  listen: { type: 'string', default: '127.0.0.1:8480' },
  data: { type: 'string', default: './var/collector' },
  config: { type: 'string' },
  release: { type: 'string', default: './dist' },
  page: { type: 'string', default: './dist/page' },
  'admin-token-file': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'trust-proxy': { type: 'string', multiple: true, default: [] },
  'insecure-http': { type: 'boolean', default: false },
  'keep-days': { type: 'string', default: '7' },
  'keep-minutes-days': { type: 'string', default: '30' },
  'keep-hours-days': { type: 'string', default: '400' },
  'offline-after-s': { type: 'string', default: '60' },
  'log-level': { type: 'string', default: 'info' },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** Reads the flags and the files they name. Never throws for what a user may have written. */
export function readSettings(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): SettingsResult {
  const complaints: string[] = [];
  const flags = flagsOf(argv, complaints);
  if (flags === null) return { kind: 'wrong', complaints };
  if (flags.help) return { kind: 'help' };

  function fileOf(name: string, path: string | undefined): string | null {
    if (path === undefined) return null;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      complaints.push(`--${name}: ${messageOf(error)}`);
      return null;
    }
  }
  function numberOf(name: string, text: string, least: number, most: number): number {
    const value = /^[0-9]{1,7}$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    complaints.push(`--${name}: a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`);
    return least;
  }

  const cert = fileOf('tls-cert', flags['tls-cert']);
  const key = fileOf('tls-key', flags['tls-key']);
  if ((flags['tls-cert'] === undefined) !== (flags['tls-key'] === undefined)) {
    complaints.push('--tls-cert and --tls-key: give both or none');
  }
  if (!LOG_LEVELS.some((level) => level === flags['log-level'])) {
    complaints.push(`--log-level: one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(flags['log-level'])}`);
  }
  for (const network of flags['trust-proxy']) {
    if (!isNetwork(network)) complaints.push(`--trust-proxy: an address or a network, not ${JSON.stringify(network)}`);
  }
  const settings: Settings = {
    listen: listenOf(flags.listen, complaints),
    data_dir: resolve(flags.data),
    release_dir: resolve(flags.release),
    page_dir: resolve(flags.page),
    admin_token: (fileOf('admin-token-file', flags['admin-token-file']) ?? env['SPOTRIG_ADMIN_TOKEN'])?.trim() ?? null,
    tls: cert === null || key === null ? null : { cert, key },
    trust_proxy: flags['trust-proxy'],
    insecure_http: flags['insecure-http'],
    log_level: flags['log-level'],
    offline_after_ms: numberOf('offline-after-s', flags['offline-after-s'], 1, 86_400) * 1000,
    keep_ms: numberOf('keep-days', flags['keep-days'], 1, 366) * DAY_MS,
    keep_rollups_ms: {
      minute: numberOf('keep-minutes-days', flags['keep-minutes-days'], 1, 3660) * DAY_MS,
      hour: numberOf('keep-hours-days', flags['keep-hours-days'], 1, 3660) * DAY_MS,
    },
    config: configOf(flags.config, flags.data, complaints),
  };
  complaints.push(...exposureComplaints(settings, flags['admin-token-file'] !== undefined));
  return complaints.length > 0 ? { kind: 'wrong', complaints } : { kind: 'settings', settings };
}

function configOf(named: string | undefined, dataDir: string, complaints: string[]): CollectorConfig {
  const path = named ?? join(dataDir, CONFIG_FILE);
  if (named === undefined && !existsSync(path)) return defaultConfig();
  const read = readConfig(resolve(path));
  if ('config' in read) return read.config;
  complaints.push(...read.complaints.map((complaint) => `--config ${complaint}`));
  return defaultConfig();
}

/** What is not safe to serve: see design section 5. */
function exposureComplaints(settings: Settings, tokenFileGiven: boolean): string[] {
  const { listen, admin_token, tls, trust_proxy, insecure_http } = settings;
  const wrong: string[] = [];
  if (admin_token !== null && admin_token.length < ADMIN_TOKEN_MIN_CHARS) {
    wrong.push(
      `the admin token must have ${ADMIN_TOKEN_MIN_CHARS} characters or more (\`openssl rand -hex 24\` makes one)`,
    );
  }
  const withoutToken = admin_token === null && !tokenFileGiven;
  if (withoutToken && trust_proxy.length > 0) {
    wrong.push('--trust-proxy: a proxy brings strangers, so an admin token is needed (--admin-token-file)');
  }
  if (isLoopbackHost(listen.host)) return wrong;
  if (withoutToken) {
    wrong.push(`--listen ${listen.host}: an address other than loopback needs an admin token (--admin-token-file)`);
  }
  if (tls === null && trust_proxy.length === 0 && !insecure_http) {
    wrong.push(
      `--listen ${listen.host}: an address other than loopback needs --tls-cert and --tls-key, or --trust-proxy, or --insecure-http`,
    );
  }
  return wrong;
}

function flagsOf(argv: readonly string[], complaints: string[]) {
  // parseArgs stops at its first complaint; a pass that forgives finds the others.
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') complaints.push(`${JSON.stringify(token.value)}: not a flag; see --help`);
    if (token.kind !== 'option') continue;
    const option = Object.entries(OPTIONS).find(([name]) => name === token.name)?.[1];
    if (option === undefined) complaints.push(`${token.rawName}: no such flag; see --help`);
    else if (option.type === 'string' && !hasValue(token)) complaints.push(`${token.rawName}: needs a value`);
    else if (option.type === 'boolean' && token.value !== undefined)
      complaints.push(`${token.rawName}: takes no value`);
  }
  return complaints.length > 0 ? null : parseArgs({ args: [...argv], options: OPTIONS }).values;
}

/** In `--data --help` the second word is a flag and no value; `--data=--help` means it. */
function hasValue(token: { value: string | undefined; inlineValue: boolean | undefined }): boolean {
  const { value = '', inlineValue } = token;
  return value !== '' && (inlineValue === true || !value.startsWith('-'));
}

function listenOf(text: string, complaints: string[]): Settings['listen'] {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(portText);
  if (host !== undefined && port <= 65_535 && (bracketed === undefined || isIP(bracketed) === 6)) return { host, port };
  complaints.push(`--listen: HOST:PORT, such as 127.0.0.1:8480 or [::1]:8480, not ${JSON.stringify(text)}`);
  return { host: '127.0.0.1', port: 0 };
}

function isNetwork(text: string): boolean {
  const [address = '', prefix] = text.split('/');
  const family = isIP(address);
  if (family === 0) return false;
  if (prefix === undefined) return true;
  if (!/^[0-9]{1,3}$/.test(prefix)) return false;
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}
