// `spotrig frps-config`: everything that the server of the way through frp needs, as files, and what goes into the orders. It works on
// the collector's data folder; a second run changes only what is out of date.
import { isIP } from 'node:net';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { stringify } from 'smol-toml';
import { CONFIG_FILE, readConfig } from '../../collector/config.ts';
import { type FrpConfig, FrpTable, frpConfigOf } from '../../collector/frp/settings.ts';
import { loadFrpSecrets, rotateEgressKey } from '../../collector/frp/secrets.ts';
import { staffTicket } from '../../collector/frp/tickets.ts';
import { loadKeys } from '../../collector/keys.ts';
import { realClock } from '../../platform/clock.ts';
import { makeDir, readTextIfPresent, writeFileDurable } from '../../platform/durable-file.ts';
import { messageOf } from '../../platform/errors.ts';
import { HOST_NAME, bracketed, readPort } from '../../stratum/address.ts';
import { parseFrpUrl } from '../../stratum/frp-url.ts';
import { ensureAuthority, ensureServerCertificate, readAuthorities } from '../frp/certificates.ts';
import { authorizedKeysLine, ensureSshKey } from '../frp/ssh-key.ts';
import { type ServerPlan, egressToml, frpsToml, nginxConf, systemdUnit } from '../frp/server-files.ts';
import { EX_USAGE, UsageError } from '../usage.ts';

export const summary = 'write the configuration of frps, its certificate, and what orders need of it';

const HELP = `spotrig frps-config: the server through which workers are reached, as files

  frps-config --host NAME[,NAME|IP...]   NAME or IP is where workers find it, what follows stands in its certificate too;
                                         may be given again for another way to the same server

  --data DIR         the collector's data folder (default ./var/collector): secrets and the authority are kept there
  --config FILE      collector.toml; its table [frp] says hook, ports, and what is exported (default DIR/${CONFIG_FILE} of --data)
  --out DIR          where to write (default DIR/frps of --data)
  --dir DIR          where the files will lie on the server (default: --out)
  --port N           the one public port (default 443), nginx's; frps itself listens on --inner-port of loopback (default 7000)
  --bare             without nginx: frps has the public port itself (then there is no wss)
  --other NAMES      other names for the hello (rung tls_other_name), with commas; they stand in the certificate
  --web NAME         name of a web site on the same port, for the rung wss
  --ssh LOGIN@HOST:PORT --ssh-host-key FILE   an sshd for the rung ssh, and its ssh_host_ed25519_key.pub; makes the key that
                     orders carry for it, and the account's authorized_keys, by which it may reach frps and nothing else
  --mux-off[=N]      also a second frps without multiplexing, on the public port N (default 8444)
  --public-ports     the ports of services of type tcp are open to everybody, not on the server's loopback only
  --egress           also the operator's own frpc, which exports each [[frp.egress]] to workers
  --rotate           make a new egress key; orders with the one before go on until the next time
  --frp DIR          folder of frps and frpc on the server, for systemd's units (default /usr/local/bin)
  --json             answer in JSON

The answer holds secrets: it goes into orders, and nowhere else.
`;

const OPTIONS = {
  host: { type: 'string', multiple: true, default: [] },
  data: { type: 'string', default: './var/collector' },
  config: { type: 'string' },
  out: { type: 'string' },
  dir: { type: 'string' },
  port: { type: 'string', default: '443' },
  'inner-port': { type: 'string', default: '7000' },
  bare: { type: 'boolean', default: false },
  other: { type: 'string', default: '' },
  web: { type: 'string' },
  ssh: { type: 'string' },
  'ssh-host-key': { type: 'string' },
  'mux-off': { type: 'boolean', default: false },
  'mux-off-port': { type: 'string', default: '8444' },
  'public-ports': { type: 'boolean', default: false },
  egress: { type: 'boolean', default: false },
  rotate: { type: 'boolean', default: false },
  frp: { type: 'string', default: '/usr/local/bin' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof parsed>['values'];

const WEB_PORT = 8443;
/** Behind an sshd, where the address does not say another. */
const FRPS_PORT = 7000;
/** A GigaSPOT variable takes no more. */
const VARIABLE_MAX_CHARS = 1536;
const EGRESS_TICKET_S = 400 * 86_400;
const FILE_MAX_BYTES = 1024 * 1024;

/** `spotrig frps-config …`. Resolves with the exit code: 0, 1 where it failed, 64 where the call was wrong. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values } = parsed(argv);
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const answer = await configure(values);
    console.log(values.json ? JSON.stringify(answer) : textOf(answer));
    return 0;
  } catch (error) {
    console.error(`spotrig frps-config: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

interface Answer {
  /** Variables of the orders. Secrets. */
  order: Record<string, string>;
  /** Path, and whether this run changed it. */
  files: { path: string; changed: boolean }[];
  certificate_expires: string;
  /** What is left to do, in sentences. */
  notes: string[];
}

async function configure(flags: Flags): Promise<Answer> {
  const hosts = hostsOf(flags);
  const otherNames = namesOf('other', flags.other === '' ? [] : flags.other.split(','));
  const web = flags.web === undefined ? null : (namesOf('web', [flags.web])[0] ?? null);
  if (flags.bare && web !== null) throw new UsageError('--web needs nginx: leave out --bare');
  const port = portOf('port', flags.port);
  const noMuxPort = flags['mux-off'] ? portOf('mux-off-port', flags['mux-off-port']) : null;
  const innerPort = flags.bare ? null : portOf('inner-port', flags['inner-port']);
  const ssh = await sshOf(flags);
  // On the server's loopback, where the sshd finds it.
  const frpsPort = innerPort ?? port;

  const dataDir = resolve(flags.data);
  const out = resolve(flags.out ?? join(dataDir, 'frps'));
  const dir = resolve(flags.dir ?? out);
  const options = [
    ...(otherNames.length > 0 ? [`other=${otherNames.join(',')}`] : []),
    ...(web === null ? [] : [`wss=${web}:${port}`]),
    ...(ssh === null ? [] : [`ssh=${ssh.place}`, `hostkey=${ssh.hostKey}`]),
    ...(ssh === null || frpsPort === FRPS_PORT ? [] : [`sshto=${frpsPort}`]),
  ];
  const computed = hosts.map(([host = '']) => {
    const name = isIP(host) === 0 ? null : hosts.flat().find((other) => isIP(other) === 0);
    const own = [...(name === null || name === undefined ? [] : [`sni=${name}`]), ...options];
    if (noMuxPort !== null) own.push(`nomux=${bracketed(host)}:${noMuxPort}`);
    return `frp://${bracketed(host)}:${port}${own.length === 0 ? '' : `?${own.join('&')}`}`;
  });
  for (const address of computed) {
    const read = parseFrpUrl(address);
    if ('complaints' in read) throw new UsageError(`these flags make no address: ${read.complaints.join('; ')}`);
  }

  const { frp, isConfigured } = configOf(flags, dataDir, computed);
  if (flags.egress && frp.egress.length === 0)
    throw new UsageError('--egress: collector.toml has no [[frp.egress]]: name there what workers may reach');
  await makeDir(dataDir);
  await makeDir(out);
  await makeDir(dirname(frp.ca_file));
  const secrets = flags.rotate ? await rotateEgressKey(dataDir, realClock) : await loadFrpSecrets(dataDir, realClock);
  const { token, egress_keys } = secrets.values;

  const authority = await ensureAuthority({ certPath: frp.ca_file, keyPath: join(dataDir, 'frp-ca.key') });
  const names = [...new Set([...hosts.flat(), ...otherNames, ...(web === null ? [] : [web])])];
  const [certPath, keyPath] = [join(out, 'server.crt'), join(out, 'server.key')];
  const server = await ensureServerCertificate({ authority, certPath, keyPath, names, nowMs: realClock.nowMs() });

  const plan: ServerPlan = {
    ...{ frp, dir, innerPort, port, noMuxPort, web, webPort: WEB_PORT },
    hasPublicPorts: flags['public-ports'],
  };
  const files: Answer['files'] = [
    { path: frp.ca_file, changed: authority.isNew },
    { path: certPath, changed: server.made !== null },
  ];
  const put = async (name: string, text: string, mode = 0o600): Promise<void> => {
    const path = join(out, name);
    const changed = (await readTextIfPresent(path, FILE_MAX_BYTES)) !== text;
    if (changed) await writeFileDurable(path, text, mode);
    files.push({ path, changed });
  };
  const unit = (what: string, program: 'frps' | 'frpc', config: string, lowPort: number | null): string =>
    systemdUnit({ what, program: `${flags.frp}/${program}`, config, dir, port: lowPort });
  await put('ca.crt', authority.pem, 0o644);
  await put('token', token);
  const kinds = noMuxPort === null ? (['mux'] as const) : (['mux', 'no_mux'] as const);
  for (const kind of kinds) {
    const name = kind === 'mux' ? 'frps' : 'frps-nomux';
    const lowPort = kind === 'mux' ? (innerPort ?? port) : noMuxPort;
    await put(`${name}.toml`, `${stringify(frpsToml(plan, secrets.values, kind))}\n`);
    await put(`${name}.service`, unit(`Tunnels of workers (${name})`, 'frps', `${name}.toml`, lowPort), 0o644);
  }
  const sshKey = ssh === null ? null : await ensureSshKey(dataDir);
  if (sshKey !== null) {
    files.push({ path: sshKey.path, changed: sshKey.isNew });
    await put('authorized_keys', authorizedKeysLine(sshKey.publicKey, frpsPort), 0o644);
  }
  if (innerPort !== null) await put('nginx.conf', nginxConf(plan, names), 0o644);
  if (flags.egress) {
    const expires_s = Math.floor(realClock.nowMs() / 1000) + EGRESS_TICKET_S;
    const ticket = staffTicket(await loadKeys(dataDir), 'egress', expires_s);
    const serverName = hosts[0]?.[0] ?? '';
    for (const kind of kinds) {
      const name = kind === 'mux' ? 'frpc-egress' : 'frpc-egress-nomux';
      const keys = egress_keys.map(({ key }) => key);
      await put(`${name}.toml`, `${stringify(egressToml(plan, { keys, ticket, serverName, kind }))}\n`);
      await put(`${name}.service`, unit(`Exports to workers (${name})`, 'frpc', `${name}.toml`, null), 0o644);
    }
  }

  const addresses = frp.addresses.map((address) => address.replace(/^frp:\/\//i, `frp://:${token}@`));
  const ca = Buffer.from(await readAuthorities(frp.ca_file)).toString('base64');
  const order: Record<string, string> = { SPOTRIG_FRP: addresses.join(' '), SPOTRIG_FRP_CA: ca };
  if (sshKey !== null) order['SPOTRIG_FRP_SSH_KEY'] = Buffer.from(sshKey.privateKey).toString('base64');
  if (frp.egress.length > 0) order['SPOTRIG_EGRESS_KEY'] = egress_keys[0]?.key ?? '';
  for (const [name, value] of Object.entries(order)) {
    if (value.length > VARIABLE_MAX_CHARS)
      throw new Error(
        `${name} would have ${value.length} characters, and an order takes ${VARIABLE_MAX_CHARS}: ` +
          (name === 'SPOTRIG_FRP_CA'
            ? `leave fewer certificates in ${frp.ca_file}`
            : 'leave fewer addresses or options in [frp]'),
      );
  }
  const notes = notesOf({ flags, frp, isConfigured, computed, plan, out, dir, server, ssh });
  return { order, files, certificate_expires: server.expires.toISOString(), notes };
}

/** [frp] of collector.toml; without one, what it would be with these flags. */
function configOf(
  flags: Flags,
  dataDir: string,
  computed: readonly string[],
): { frp: FrpConfig; isConfigured: boolean } {
  const path = resolve(flags.config ?? join(dataDir, CONFIG_FILE));
  if (flags.config !== undefined || existsSync(path)) {
    const read = readConfig(path);
    if ('complaints' in read) throw new Error(read.complaints.join('; '));
    if (read.config.frp !== null) return { frp: read.config.frp, isConfigured: true };
  }
  const table = FrpTable.parse({ addresses: computed });
  return { frp: frpConfigOf(table, (file) => resolve(dirname(path), file)), isConfigured: false };
}

interface NoteFacts {
  flags: Flags;
  frp: FrpConfig;
  isConfigured: boolean;
  computed: readonly string[];
  plan: ServerPlan;
  out: string;
  dir: string;
  server: { made: string | null };
  ssh: SshPlace | null;
}

function notesOf({ flags, frp, isConfigured, computed, plan, out, dir, server, ssh }: NoteFacts): string[] {
  const notes: string[] = [];
  const table = stringify({ frp: { addresses: [...computed] } })
    .trim()
    .replaceAll('\n', ' ⏎ ');
  if (!isConfigured) notes.push(`Add to collector.toml, and start the collector again: ${table}`);
  else if (computed.some((address) => !frp.addresses.includes(address)))
    notes.push(`[frp].addresses of collector.toml differ from these flags, which make: ${computed.join(' ')}`);
  if (server.made !== null) notes.push(`The certificate was made (${server.made}): start frps again.`);
  notes.push(
    dir === out
      ? `The units run as the user spotrig-frp, who must reach and read ${dir}: better make the files for a folder of the server's ` +
          '(--dir /etc/spotrig-frp) and copy them there.'
      : `Copy ${out}/ to ${dir}/ on the server, then: useradd -r spotrig-frp; chown -R spotrig-frp ${dir}`,
  );
  if (plan.noMuxPort !== null) notes.push(`The firewall opens ${plan.port} and ${plan.noMuxPort}.`);
  if (flags.web !== undefined) notes.push(`${flags.web} must lead to this server, as its other names do.`);
  if (ssh !== null)
    notes.push(
      `${join(dir, 'authorized_keys')} goes to ~${ssh.place.split('@')[0]}/.ssh/authorized_keys on the machine of the sshd, whose account it lets ` +
        `do nothing but reach frps at 127.0.0.1:${plan.innerPort ?? plan.port}; sshd must have AllowTcpForwarding yes (or local).`,
    );
  if (flags.rotate)
    notes.push(
      'The egress key is new: new orders take SPOTRIG_EGRESS_KEY from here. ' +
        (flags.egress ? 'Start frpc-egress again.' : 'Run it with --egress too, and start frpc-egress again.'),
    );
  return notes;
}

function textOf({ order, files, certificate_expires, notes }: Answer): string {
  return [
    '# Into the order:',
    ...Object.entries(order).map(([name, value]) => `${name}=${value}`),
    '',
    '# Files:',
    ...files.map(({ path, changed }) => `${changed ? 'written ' : 'as it was'}  ${path}`),
    `The certificate ends ${certificate_expires.slice(0, 10)}.`,
    '',
    '# To do:',
    ...notes.map((note) => `- ${note}`),
  ].join('\n');
}

function parsed(argv: string[]) {
  try {
    // parseArgs has no option with a value that may be left out.
    const args = argv.flatMap((word) => {
      const port = /^--mux-off=(.*)$/.exec(word)?.[1];
      return port === undefined ? [word] : ['--mux-off', `--mux-off-port=${port}`];
    });
    return parseArgs({ args, options: OPTIONS, allowPositionals: false });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** Per --host: where it is, then what else stands in the certificate. */
function hostsOf(flags: Flags): string[][] {
  if (flags.host.length === 0) throw new UsageError('--host NAME is needed: where workers find frps; see --help');
  return flags.host.map((text) => {
    const all = text.split(',').map((name) => name.trim().toLowerCase());
    for (const name of all) {
      if (isIP(name) === 0 && !isName(name))
        throw new UsageError(`--host: ${JSON.stringify(name)} is no name or address`);
    }
    return all;
  });
}

function namesOf(option: string, texts: readonly string[]): string[] {
  return texts.map((text) => {
    const name = text.trim().toLowerCase();
    if (isName(name)) return name;
    throw new UsageError(`--${option}: ${JSON.stringify(text)} is no host name`);
  });
}

function isName(text: string): boolean {
  return HOST_NAME.test(text) && isIP(text) === 0 && !/(?:^|\.)\d+$/.test(text);
}

function portOf(option: string, text: string): number {
  const port = readPort(text);
  if (port !== null) return port;
  throw new UsageError(`--${option}: a port from 1 to 65535, not ${JSON.stringify(text)}`);
}

interface SshPlace {
  place: string;
  hostKey: string;
}

async function sshOf(flags: Flags): Promise<SshPlace | null> {
  const { ssh: place, 'ssh-host-key': file } = flags;
  if (place === undefined && file === undefined) return null;
  if (place === undefined || file === undefined) throw new UsageError('--ssh and --ssh-host-key go together');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--ssh-host-key: ${messageOf(error)}`, { cause: error });
  });
  const hostKey = /^ssh-ed25519 (\S+)/m.exec(text)?.[1];
  if (hostKey === undefined) throw new UsageError(`--ssh-host-key: ${file} holds no key of type ssh-ed25519`);
  return { place, hostKey };
}
