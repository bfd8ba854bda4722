// The settings of the way through frp: texts to values. Loaded with all settings, so nothing but names and addresses is imported.
import { readPort } from '../../stratum/address.ts';
import { parseFrpUrl, type FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_CANARY, FRP_SERVICE } from '../../wire/frp-names.ts';

/** One service of this machine that the owner can reach. */
export interface ExposeSetting {
  name: string;
  type: 'stcp' | 'tcp';
  /** Loopback port; `miner`: the port of the miner's API, which changes with each start of it. */
  port: number | 'miner';
  /** Of type tcp: the port wanted at frps; null: any that it gives. */
  remotePort: number | null;
}

/** The authority of frps's certificate: a file of the image, or its text. */
export type FrpCa = { path: string } | { pem: string };

/** What is wrong with a value, as the end of a sentence that begins with the variable's name; repeats no secret. */
export interface Wrong {
  wrong: string;
}

const ADDRESSES_MAX = 8;
/** As FrpRecord in wire/frp.ts takes. */
const SERVICES_MAX = 32;
/** How the service `miner` without a port is meant. */
const MINER = 'miner';

/** SPOTRIG_FRP: several addresses with blanks between them. */
export function readFrp(text: string): FrpAddress[] | Wrong {
  const list = text.split(/\s+/).filter((word) => word !== '');
  if (list.length === 0) return { wrong: 'names no address; write one like frp://:token@tun.example.org:443' };
  if (list.length > ADDRESSES_MAX) return { wrong: `names ${list.length} addresses; a worker takes ${ADDRESSES_MAX}` };
  const found: FrpAddress[] = [];
  for (const [i, item] of list.entries()) {
    const parsed = parseFrpUrl(item);
    if ('complaints' in parsed)
      return { wrong: `has a wrong address (number ${i + 1}): ${parsed.complaints.join('; ')}` };
    found.push(parsed.frps);
  }
  const twice = found.find(({ url }, i) => found.findIndex((other) => other.url === url) !== i);
  return twice === undefined ? found : { wrong: `names ${twice.url} twice` };
}

/** SPOTRIG_FRP_CA. Whether the certificate is one is seen when it is used. */
export function readFrpCa(text: string): FrpCa | Wrong {
  if (text.startsWith('/')) return text.includes('\0') ? { wrong: 'is not a path' } : { path: text };
  const pem = textOfBase64(text);
  if (pem?.includes('-----BEGIN CERTIFICATE-----') === true) return { pem };
  return { wrong: 'must be the path of a PEM file, or a PEM file in base64 (`base64 -w0 ca.pem`)' };
}

/** SPOTRIG_FRP_SSH_KEY: the key's text. */
export function readSshKey(text: string): string | Wrong {
  const key = textOfBase64(text);
  if (key?.includes('-----BEGIN OPENSSH PRIVATE KEY-----') === true) return key.endsWith('\n') ? key : `${key}\n`;
  return { wrong: 'must be an OpenSSH private key in base64 (`base64 -w0 id_ed25519`)' };
}

/** SPOTRIG_EXPOSE: `ssh:22,miner,jupyter:8888,web:8080/tcp=20022`. */
export function readExpose(text: string): ExposeSetting[] | Wrong {
  const list = text.split(/[\s,]+/).filter((word) => word !== '');
  if (list.length > SERVICES_MAX) return { wrong: `names ${list.length} services; a worker takes ${SERVICES_MAX}` };
  const found: ExposeSetting[] = [];
  for (const item of list) {
    const service = serviceOf(item);
    if (typeof service === 'string') return { wrong: `holds "${item.slice(0, 60)}": ${service}` };
    if (found.some(({ name }) => name === service.name)) return { wrong: `names ${service.name} twice` };
    const { remotePort } = service;
    if (remotePort !== null && found.some((other) => other.remotePort === remotePort))
      return { wrong: `wants the port ${remotePort} twice` };
    found.push(service);
  }
  return found;
}

function serviceOf(item: string): ExposeSetting | string {
  const [, name = '', portText, kind, remoteText] =
    /^([^:/=]*)(?::([^/=]*))?(?:\/([^=]*)(?:=(.*))?)?$/.exec(item) ?? [];
  if (!FRP_SERVICE.test(name))
    return 'a name is small letters, digits and dashes, at most 31, and begins with a letter';
  if (name === FRP_CANARY) return `${FRP_CANARY} is the name of spotrig’s own echo; take another`;
  const port = portText === undefined ? (name === MINER ? MINER : null) : readPort(portText);
  if (port === null) return 'write name:port, like ssh:22 (only miner goes without a port)';
  if (kind !== undefined && kind !== 'tcp' && kind !== 'stcp') return 'after the / stands tcp or stcp';
  const remotePort = remoteText === undefined ? null : readPort(remoteText);
  if (remoteText !== undefined && (remotePort === null || kind !== 'tcp'))
    return 'a port at frps is written /tcp=port, like web:8080/tcp=20022';
  return { name, type: kind ?? 'stcp', port, remotePort };
}

/** null for what is not base64 of a text. */
function textOfBase64(text: string): string | null {
  if (!/^[A-Za-z0-9+/_-]{16,}={0,2}$/.test(text)) return null;
  return Buffer.from(text, 'base64').toString('utf8').replaceAll('\r\n', '\n');
}
