// The address of an frps as a setting: frp://:token@host:443?sni=name&other=name,name&wss=host:443&ssh=login@host:22&hostkey=…&sshto=7000#RU
import { isIP } from 'node:net';
import { FRP_RUNGS, type FrpRung } from '../wire/frp-names.ts';
import { HOST_NAME, bracketed, decoded, readAddress, readLogin, readOptions, readPort, readTags } from './address.ts';
import { RUNG_NEEDS, rungsOf as availableRungs } from './frp-rungs.ts';

/** One frps, taken apart: where it is and by which ways it may be spoken to. */
export interface FrpAddress {
  /** Name in lower case, or an address without brackets. */
  host: string;
  port: number;
  /** frp's own token, a secret; null: frps has none. */
  token: string | null;
  /** The name in the hello and in the certificate; null: the address itself stands in the certificate, and no name is sent. */
  sni: string | null;
  /** Names that the certificate has too, for `tls_other_name`. */
  otherNames: string[];
  /** A web server that passes websockets on to it. */
  wss: { host: string; port: number } | null;
  /** An sshd beside it; the key is the server's, type ed25519, in base64. `to`: frps's port on that machine's loopback. */
  ssh: { login: string; host: string; port: number; hostKey: string; to: number } | null;
  /** A second frps, with a connection for each stream. */
  noMux: { host: string; port: number } | null;
  /** The order that its owner wants; null: that of FRP_RUNGS. */
  rungs: FrpRung[] | null;
  /** Countries of the machines that it is meant for, by `marketCountry`. */
  tags: string[];
  /** `frp://host:port`: may be shown and reported. */
  url: string;
}

const FORM = /^frp:\/\/(?:([^/?#]*)@)?([^@/?#]*)\/?(?:\?([^#]*))?(?:#([^#]*))?$/i;
const OPTIONS = ['sni', 'other', 'wss', 'ssh', 'hostkey', 'sshto', 'nomux', 'rungs'] as const;
type OptionTexts = Partial<Record<(typeof OPTIONS)[number], string>>;
const OTHER_NAMES_MAX = 8;
/** frps's own, and what `spotrig frps-config` gives it on loopback. */
const FRPS_PORT = 7000;
/** The wire form of an ed25519 key (RFC 8709) is 51 bytes, and always begins so. */
const HOST_KEY = /^AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}$/;

/** Takes an address apart, or says everything that is wrong with it, in words that repeat no secret. */
export function parseFrpUrl(text: string): { frps: FrpAddress } | { complaints: string[] } {
  const form = FORM.exec(text.trim());
  if (form === null) return { complaints: ['must look like frp://:token@host:port'] };
  const [, userinfo, authority = '', optionText = '', tagText = ''] = form;
  const complaints: string[] = [];

  const { host, port } = readAddress(authority);
  if (host === null) complaints.push('the host must be a name, an IPv4 address, or an IPv6 address in brackets');
  if (port === null) complaints.push('the port must be given, from 1 to 65535');
  const token = readToken(userinfo);
  if (token === undefined) complaints.push('frp’s token stands as :token@ before the host, percent-encoded');
  const tags = readTags(tagText);
  if (tags === null) complaints.push('the tags after # must be countries of two letters');

  const options = readOptions(optionText, OPTIONS, complaints);
  const sni = options.sni === undefined ? (host !== null && isIP(host) === 0 ? host : null) : nameOf(options.sni);
  if (options.sni !== undefined && sni === null) complaints.push('the option sni must be a host name');
  const otherNames = (options.other === undefined ? [] : options.other.split(',')).map(nameOf);
  if (otherNames.includes(null) || otherNames.length > OTHER_NAMES_MAX)
    complaints.push(`the option other must be host names, at most ${OTHER_NAMES_MAX}, with commas`);
  const wss = placeOf('wss', options.wss, complaints);
  const noMux = placeOf('nomux', options.nomux, complaints);
  const ssh = sshOf(options, complaints);
  const rungs = rungsOf(options.rungs, complaints);

  if (complaints.length > 0 || host === null || port === null || token === undefined || tags === null)
    return { complaints };
  const names = otherNames.filter((name) => name !== null);
  const url = `frp://${bracketed(host)}:${String(port)}`;
  const frps: FrpAddress = { host, port, token, sni, otherNames: names, wss, ssh, noMux, rungs, tags, url };
  if (rungs === null || availableRungs(frps).length > 0) return { frps };
  const needs = rungs.map((rung) => `${rung} needs ${RUNG_NEEDS[rung]}`).join(', ');
  return { complaints: [`the option rungs leaves no way: ${needs}`] };
}

/** undefined: what stands before the @ is not `:token`. */
function readToken(userinfo: string | undefined): string | null | undefined {
  if (userinfo === undefined) return null;
  if (!userinfo.startsWith(':')) return undefined;
  const token = decoded(userinfo.slice(1));
  return token === null || token === '' ? undefined : token;
}

function nameOf(text: string): string | null {
  const name = text.toLowerCase();
  return HOST_NAME.test(name) && isIP(name) === 0 ? name : null;
}

function placeOf(
  option: string,
  text: string | undefined,
  complaints: string[],
): { host: string; port: number } | null {
  if (text === undefined) return null;
  const { host, port } = readAddress(text);
  if (host !== null && port !== null) return { host, port };
  complaints.push(`the option ${option} must be host:port`);
  return null;
}

function sshOf({ ssh, hostkey, sshto }: OptionTexts, complaints: string[]): FrpAddress['ssh'] {
  if (ssh === undefined && hostkey === undefined && sshto === undefined) return null;
  const at = ssh?.lastIndexOf('@') ?? -1;
  const { host, port } = readAddress(ssh?.slice(at + 1) ?? '');
  const login = readLogin(at === -1 ? undefined : ssh?.slice(0, at));
  const name = typeof login === 'string' ? null : login.login;
  // It becomes a word of ssh's configuration.
  const isGoodName = name !== null && /^[a-z_][a-z0-9_-]{0,31}$/.test(name);
  const isGoodKey = HOST_KEY.test(hostkey ?? '');
  if (host === null || port === null || !isGoodName) complaints.push('the option ssh must be login@host:port');
  if (!isGoodKey)
    complaints.push('the option hostkey must be the ed25519 key of the sshd in base64 (AAAAC3NzaC1lZDI1NTE5…)');
  const to = sshto === undefined ? FRPS_PORT : readPort(sshto);
  if (to === null) complaints.push('the option sshto must be the port that frps has on loopback beside the sshd');
  if (host === null || port === null || name === null || hostkey === undefined || to === null) return null;
  return { login: name, host, port, hostKey: hostkey, to };
}

function rungsOf(text: string | undefined, complaints: string[]): FrpRung[] | null {
  if (text === undefined) return null;
  const rungs = text.toLowerCase().split(',');
  const known = FRP_RUNGS.filter((rung) => rungs.includes(rung));
  if (known.length !== rungs.length)
    complaints.push(`the option rungs must be some of ${FRP_RUNGS.join(',')}, each once`);
  return known.toSorted((a, b) => rungs.indexOf(a) - rungs.indexOf(b));
}
