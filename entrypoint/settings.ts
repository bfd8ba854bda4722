// The one table of settings: what an order's env may say, how each value is read, and what docs/settings.md shows.
// A reader returns its value, or throws a Complaint that says what is wrong and how to mend it.
import { chooseFrpc, pinnedFrpc, type FrpcChoice } from '../miners/frpc.ts';
import { chooseMiner, type MinerChoice } from '../miners/registry.ts';
import { LOG_LEVELS } from '../platform/logger.ts';
import { marketCountry } from '../stratum/address.ts';
import type { FrpAddress } from '../stratum/frp-url.ts';
import { parsePoolUrl, type PoolUrl } from '../stratum/pool-url.ts';
import { parseCollectorAddress } from '../wire/collector-address.ts';
import { parseExpected } from '../wire/expected-gpus.ts';
import { parseToken } from '../wire/token.ts';
import {
  readExpose,
  readFrp,
  readFrpCa,
  readSshKey,
  type ExposeSetting,
  type FrpCa,
  type Wrong,
} from './frp/settings.ts';

/** What is wrong with one value, as the end of a sentence that begins with the variable's name. */
export class Complaint extends Error {}

export interface Setting<T> {
  readonly env: string;
  readonly syntax: string;
  /** The value where the variable is not set; `undefined` = it must be set. */
  readonly fallback: T | undefined;
  /** How the table shows the fallback, where the value itself would not tell. */
  readonly fallbackText?: string;
  readonly secret?: true;
  readonly about: string;
  read(text: string): T;
}

function setting<T>(s: Setting<T>): Setting<T> {
  return s;
}

/** Values of an order's env are at most this long (facts/gigaspot.md); anything longer did not come through an order. */
export const ENV_VALUE_MAX_CHARS = 1536;

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

function urls(text: string): string[] {
  const list = words(text);
  if (list.length === 0) throw new Complaint('names no address');
  return list.map((item) => {
    const url = URL.parse(item);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
      const shown = item.slice(item.lastIndexOf('@') + 1); // before it there may be a password
      throw new Complaint(`holds "${shown}", which is not an http:// or https:// address`);
    }
    if (url.username !== '' || url.password !== '') throw new Complaint('holds a login in an address; leave it out');
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  });
}

/** As `urls`, and each may end in `#frp=name`. */
function collectorUrls(text: string): string[] {
  return words(text).length === 0
    ? urls(text)
    : words(text).flatMap((item) => {
        const address = parseCollectorAddress(item);
        if (address === null) throw new Complaint('holds a # that is not followed by frp= and the name of an export');
        return urls(address.url).map((url) => (address.frp === null ? url : `${url}#frp=${address.frp}`));
      });
}

function matching(pattern: RegExp, wanted: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new Complaint(`must be ${wanted}`);
    return text;
  };
}

function readMiner(text: string): MinerChoice {
  const result = chooseMiner(text);
  if (!result.ok) throw new Complaint(`is wrong: ${result.complaint}`);
  return result.choice;
}

function readArgs(text: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Complaint('is not JSON; write a JSON array of strings, like ["--gpu-report-interval","30"]');
  }
  if (!Array.isArray(value) || !value.every((v): v is string => typeof v === 'string')) {
    throw new Complaint('must be a JSON array of strings; quote numbers too');
  }
  if (value.some((v) => v.includes('\0'))) throw new Complaint('holds a NUL character, which no program can be given');
  return value;
}

function readPools(text: string): PoolUrl[] {
  const list = text.split(/\s+/).filter((word) => word !== '');
  if (list.length === 0) throw new Complaint('names no pool; write an address like stratum+tcp://ru.example.org:5030');
  return list.map((item) => {
    const parsed = parsePoolUrl(item);
    if ('complaints' in parsed) throw new Complaint(parsed.complaints.join('; '));
    return parsed.pool;
  });
}

function readPins(text: string): string[] {
  const pins = words(text);
  for (const pin of pins) {
    if (Buffer.from(pin, 'base64').length !== 32) {
      throw new Complaint('must be the base64 of SHA-256 digests (44 characters each) of public keys');
    }
  }
  return pins;
}

function readHome(text: string): string {
  if (!text.startsWith('/') || text.includes('\0')) throw new Complaint('must be an absolute path');
  return text.length > 1 ? text.replace(/\/+$/, '') : text;
}

/** Only its shape: what is in it is checked by the prober, which is loaded after the miner runs. */
function readProbe(text: string): object | null {
  if (text === 'off') return null;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // the complaint below says it all
  }
  throw new Complaint('must be off, or a JSON object like {"run_min_ms":900000}');
}

const country = (text: string): string => {
  const code = text.toUpperCase();
  if (!/^[A-Z]{2}$/.test(code)) throw new Complaint('must be two letters (ISO 3166-1), like RU');
  return marketCountry(code);
};

/** A reader of frp/settings.ts as one of this table. */
function reading<T extends object | string>(read: (text: string) => T | Wrong): (text: string) => T {
  return (text) => {
    const value = read(text);
    if (typeof value === 'object' && 'wrong' in value) throw new Complaint(value.wrong);
    return value;
  };
}

function readFrpc(text: string): FrpcChoice {
  const choice = chooseFrpc(text);
  if (typeof choice === 'string') throw new Complaint(choice);
  return choice;
}

export const SETTINGS = {
  collectors: setting<string[]>({
    env: 'SPOTRIG_COLLECTOR',
    syntax: 'http(s) addresses, each with #frp=name or without, separated by commas or blanks',
    fallback: undefined,
    about:
      'Where reports go. The first one that answers is used. With #frp=name the same collector is reached through that export of ' +
      'frp, while none is reached directly.',
    read: collectorUrls,
  }),
  collectorPins: setting<string[]>({
    env: 'SPOTRIG_COLLECTOR_PIN',
    syntax: 'base64 SHA-256 of public keys (SPKI), separated by commas or blanks',
    fallback: [],
    fallbackText: 'none: the certificate is checked against the public authorities',
    about: 'One of these keys must be the https collector’s; replaces the check of its certificate.',
    read: readPins,
  }),
  token: setting<string>({
    env: 'SPOTRIG_TOKEN',
    syntax: 'sr1.<kid>.<worker>.<expires>.<mac>',
    fallback: undefined,
    secret: true,
    about: 'The worker’s token, from `npx spotrig token mint`. Its third field is the worker’s name.',
    read: (text) => {
      if (parseToken(text) === null) {
        throw new Complaint('does not have the form of a token; copy it whole from `npx spotrig token mint`');
      }
      return text;
    },
  }),
  poolWorker: setting<string | null>({
    env: 'WORKER_NAME',
    syntax: '1 to 64 letters, digits, dots, dashes, underscores',
    fallback: null,
    fallbackText: 'the worker’s name in the token',
    about: 'The worker’s name at the pool, as in CLORE’s own example.',
    read: matching(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, dots, dashes or underscores'),
  }),
  miner: setting<MinerChoice>({
    env: 'SPOTRIG_MINER',
    syntax: 'name, name@version or name@/path/of/program',
    fallback: undefined,
    about: 'The miner, like t-rex: a pinned release that is fetched and verified, or a program that is there already.',
    read: readMiner,
  }),
  minerArgs: setting<string[]>({
    env: 'SPOTRIG_MINER_ARGS',
    syntax: 'JSON array of strings',
    fallback: [],
    fallbackText: '[]',
    about: 'More arguments for the miner, after spotrig’s own.',
    read: readArgs,
  }),
  algo: setting<string>({
    env: 'SPOTRIG_ALGO',
    syntax: 'the miner’s name of the algorithm',
    fallback: undefined,
    about: 'What is mined: kawpow, rx/0, …',
    read: matching(/^[A-Za-z0-9_/.+-]{1,40}$/, 'the name of an algorithm as the miner spells it, like kawpow'),
  }),
  pools: setting<PoolUrl[]>({
    env: 'SPOTRIG_POOLS',
    syntax: 'scheme://[login[:password]@]host:port[?option=value&…][#country,…], separated by blanks',
    fallback: undefined,
    secret: true,
    about:
      'Pools in order of preference; those tagged with the machine’s country come first. Schemes: stratum+tcp, stratum+ssl; ' +
      'frp+stcp://name is a pool behind an export of frp, used while no other works. ' +
      'A login of its own replaces the miner’s. Options: sni=none or a name; tls=1.2, 1.3 or 1.2-1.3; pin=base64 SHA-256 of ' +
      'public keys (SPKI), else the first key seen is remembered; socks5=[login:password@]host:port; dialect=kaspa and the like.',
    read: readPools,
  }),
  wallet: setting<string | null>({
    env: 'SPOTRIG_WALLET',
    syntax: 'address or account at the pool',
    fallback: null,
    fallbackText: 'none; needed where the pool has no login of its own',
    about: 'Whose the shares are. Shown as its first 6 and last 4 characters.',
    read: matching(/^[!-~]{1,300}$/, 'a word of visible ASCII characters'),
  }),
  password: setting<string>({
    env: 'SPOTRIG_PASSWORD',
    syntax: 'the pool’s password',
    fallback: 'x',
    secret: true,
    about: 'The password at the pool; many pools take options here.',
    read: matching(/^[!-~]{1,300}$/, 'a word of visible ASCII characters'),
  }),
  country: setting<string | null>({
    env: 'SPOTRIG_COUNTRY',
    syntax: 'two letters',
    fallback: null,
    fallbackText: 'unknown',
    about: 'Where the machine stands, as the market says. KZ counts as RU.',
    read: country,
  }),
  server: setting<string | null>({
    env: 'SPOTRIG_SERVER',
    syntax: 'number',
    fallback: null,
    fallbackText: 'unknown',
    about: 'The market’s id of the server, for your own books.',
    read: matching(/^[0-9]{1,12}$/, 'the number of the market’s server'),
  }),
  expect: setting<string | null>({
    env: 'SPOTRIG_EXPECT',
    syntax: '<count>x<model>, like 4xRTX 3070; + between models',
    fallback: null,
    fallbackText: 'unknown',
    about: 'The GPUs that the market promised.',
    read: (text) => {
      if (parseExpected(text) !== null) return text;
      throw new Complaint(
        'must be a count and a model, like 4xRTX 3070, or 2xRTX 3070+1xRTX 3080 where models are mixed',
      );
    },
  }),
  relay: setting<boolean>({
    env: 'SPOTRIG_RELAY',
    syntax: 'on or off',
    fallback: true,
    fallbackText: 'on',
    about: 'off gives the miner the pool directly: nothing is proven by shares then.',
    read: (text) => {
      if (text !== 'on' && text !== 'off') throw new Complaint('must be on or off');
      return text === 'on';
    },
  }),
  probe: setting<object | null>({
    env: 'SPOTRIG_PROBE',
    syntax: 'off, or a JSON object of fields of the probe profile (reporter/net/profile.ts)',
    fallback: {},
    fallbackText: '{}: pools and collectors are measured every 15 to 20 minutes',
    about:
      'How reachability is measured: timers, resolvers, sites. The fields replace the defaults; a wrong one is told.',
    read: readProbe,
  }),
  frp: setting<FrpAddress[]>({
    env: 'SPOTRIG_FRP',
    syntax: 'frp://[:token@]host:port[?option=value&…][#country,…], separated by blanks',
    fallback: [],
    fallbackText: 'none: no tunnel',
    secret: true,
    about:
      'frps in order of preference; those tagged with the machine’s country come first. Options: sni=name; other=name,name (further ' +
      'names of its certificate); wss=host:port; ssh=login@host:port with hostkey=its ed25519 key in base64; nomux=host:port; ' +
      'rungs=tls,wss,… (which ways, in this order).',
    read: reading(readFrp),
  }),
  frpCa: setting<FrpCa | null>({
    env: 'SPOTRIG_FRP_CA',
    syntax: 'path of a PEM file, or the file in base64',
    fallback: null,
    fallbackText: 'none; needed with SPOTRIG_FRP',
    about: 'The authority that frps’s certificate is checked with.',
    read: reading(readFrpCa),
  }),
  frpc: setting<FrpcChoice | null>({
    env: 'SPOTRIG_FRPC',
    syntax: 'frpc, frpc@version or frpc@/path/of/frpc',
    fallback: pinnedFrpc(),
    fallbackText: 'the pinned release, where this build has one',
    about:
      'frp’s client: a pinned release that is fetched and verified, or a program that is there already (0.70.0 or newer).',
    read: readFrpc,
  }),
  frpSshKey: setting<string | null>({
    env: 'SPOTRIG_FRP_SSH_KEY',
    syntax: 'an OpenSSH private key in base64',
    fallback: null,
    fallbackText: 'none; needed for the option ssh of SPOTRIG_FRP',
    secret: true,
    about: 'The key for the account beside frps that may do nothing but reach it.',
    read: reading(readSshKey),
  }),
  expose: setting<ExposeSetting[]>({
    env: 'SPOTRIG_EXPOSE',
    syntax: 'name:port[/tcp[=port]], separated by commas or blanks',
    fallback: [],
    fallbackText: 'nothing',
    about:
      'Loopback ports of this machine that `npx spotrig connect` reaches: ssh:22,jupyter:8888. `miner` alone is the miner’s API. ' +
      'With /tcp anybody reaches it at a port of frps: one that the collector gives, or /tcp=20022.',
    read: reading(readExpose),
  }),
  egressKey: setting<string | null>({
    env: 'SPOTRIG_EGRESS_KEY',
    syntax: 'the fleet’s key, from `npx spotrig frps-config`',
    fallback: null,
    fallbackText: 'none; needed for frp+stcp:// and #frp=',
    secret: true,
    about: 'Opens the targets that the operator exports through frp.',
    read: matching(/^[A-Za-z0-9_-]{16,128}$/, '16 to 128 letters, digits, dashes or underscores'),
  }),
  mirrors: setting<string[]>({
    env: 'SPOTRIG_MIRRORS',
    syntax: 'http(s) addresses, separated by commas or blanks',
    fallback: [],
    fallbackText: 'the folder of DELEGATED_ENTRYPOINT, then the release’s own',
    about: 'Where artefacts are fetched first, as <mirror>/artifacts/<sha256>. http is fine: every byte is verified.',
    read: urls,
  }),
  home: setting<string>({
    env: 'SPOTRIG_HOME',
    syntax: 'path',
    fallback: '/var/lib/spotrig',
    about:
      'Where spotrig keeps everything it writes. The head makes a relative path absolute, from the folder it starts in.',
    read: readHome,
  }),
  logLevel: setting<string>({
    env: 'SPOTRIG_LOG',
    syntax: LOG_LEVELS.join(', '),
    fallback: 'info',
    about: 'How much the worker says in its own log.',
    read: (text) => {
      if (!LOG_LEVELS.includes(text as (typeof LOG_LEVELS)[number]))
        throw new Complaint(`must be one of ${LOG_LEVELS.join(', ')}`);
      return text;
    },
  }),
};

/** Variables that the head makes for Node; an order does not set them. */
export const HEAD_VARIABLES = ['SPOTRIG_BOOT', 'SPOTRIG_PAYLOAD_SHA256', 'SPOTRIG_SCRIPT'] as const;
