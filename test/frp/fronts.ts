// What stands in front of frps in the field, for tests: a certificate, nginx for the rung `wss`, an sshd for the rung `ssh`. Real programs,
// where they are installed.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { which } from 'zx';
import { realClock } from '../../platform/clock.ts';
import { isErrno } from '../../platform/errors.ts';
import { spawnGroup } from '../../platform/process.ts';

/** Sends KILL to the program when the one that started it is gone. */
const WITH_US = ['setpriv', '--pdeathsig', 'KILL'];
const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';
const START_MS = 200;
const LOGIN_LIMIT_MS = 20_000;

/** A program that is there for others; ended with the test. */
export interface Front {
  readonly pid: number;
  close(): Promise<void>;
}

export interface CertificateFiles {
  certFile: string;
  keyFile: string;
}

/** A certificate for these names and addresses, signed by itself: it is its own authority. */
export async function certificateFor(dir: string, name: string, hosts: readonly string[]): Promise<CertificateFiles> {
  const [certFile, keyFile] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
  const san = hosts.map((host) => (/^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`)).join(',');
  await execa('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=spotrig lab', '-addext', `subjectAltName=${san}`, '-keyout', keyFile, '-out', certFile],
  ]);
  return { certFile, keyFile };
}

/** Which of the programs are not here; `nginx-stream` is nginx's module, which Debian has in a package of its own. */
export async function lacking(...programs: readonly ('nginx' | 'nginx-stream' | 'sshd' | 'ssh')[]): Promise<string[]> {
  const isHere = async (program: (typeof programs)[number]): Promise<boolean> =>
    program === 'nginx-stream' ? existsSync(NGINX_STREAM) : (await which(program, { nothrow: true })) !== null;
  const found = await Promise.all(programs.map(isHere));
  return programs.filter((_, i) => found[i] === false);
}

interface NginxOptions {
  dir: string;
  host: string;
  port: number;
  /** `host:port` of frps, as nginx reaches it. */
  frps: string;
  certificate: CertificateFiles;
}

/** Writes the configuration of an nginx with TLS at `host:port` that passes frp's websocket on to frps, as a web site would. */
export async function nginxArgv({ dir, host, port, frps, certificate }: NginxOptions): Promise<string[]> {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`).join(' ');
  const conf = `daemon off; master_process off; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
events { worker_connections 512; }
http { access_log off; ${temp}
  server { listen ${host}:${port} ssl; ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile};
    location / { return 200 "a web site\\n"; }
    location = /~!frp { proxy_pass http://${frps}; proxy_http_version 1.1; proxy_buffering off;
      proxy_read_timeout 1h; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } } }
`;
  await writeFile(join(dir, 'nginx.conf'), conf);
  const program = (await which('nginx', { nothrow: true })) ?? '/usr/sbin/nginx';
  return [program, '-p', dir, '-e', join(dir, 'nginx.log'), '-c', join(dir, 'nginx.conf')];
}

/** Starts it. */
export async function startNginx(o: NginxOptions): Promise<Front> {
  return startFront(await nginxArgv(o), join(o.dir, 'nginx.log'));
}

export interface SshKeys {
  /** Path of the client's private key. */
  keyFile: string;
  /** The host's key, `ssh-ed25519 …` without the comment. */
  hostKey: string;
}

interface SshdOptions {
  dir: string;
  host: string;
  port: number;
  /** `host:port` that may be reached through it; null: a login with a shell is what it is for. */
  permitOpen: string | null;
}

/** Writes keys and configuration of an sshd whose only account (root) may do nothing but open connections to frps, or log in. */
export async function sshdArgv({ dir, host, port, permitOpen }: SshdOptions): Promise<SshKeys & { argv: string[] }> {
  // Its own folder, which it demands when it is started by root.
  await mkdir('/run/sshd', { mode: 0o755 }).catch((error: unknown) => {
    if (!isErrno(error, 'EEXIST', 'EACCES')) throw error;
  });
  const [hostKeyFile, keyFile, keys] = [join(dir, 'host_key'), join(dir, 'client_key'), join(dir, 'authorized_keys')];
  for (const file of [hostKeyFile, keyFile])
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  const publicKey = await readFile(`${keyFile}.pub`, 'utf8');
  const limits = permitOpen === null ? '' : `restrict,port-forwarding,permitopen="${permitOpen}" `;
  await writeFile(keys, `${limits}${publicKey}`);
  await chmod(keys, 0o600);
  const conf = [
    ...[`ListenAddress ${host}:${port}`, `HostKey ${hostKeyFile}`, `AuthorizedKeysFile ${keys}`],
    ...[`PidFile ${dir}/sshd.pid`, 'StrictModes no', 'UsePAM no', 'PasswordAuthentication no', 'PermitRootLogin yes'],
  ];
  await writeFile(join(dir, 'sshd_config'), `${conf.join('\n')}\n`);
  const program = (await which('sshd', { nothrow: true })) ?? '/usr/sbin/sshd';
  const argv = [program, '-D', '-E', join(dir, 'sshd.log'), '-f', join(dir, 'sshd_config')];
  const [type = '', key = ''] = (await readFile(`${hostKeyFile}.pub`, 'utf8')).split(' ');
  return { argv, keyFile, hostKey: `${type} ${key.trim()}` };
}

/** Starts it. */
export async function startSshd(o: SshdOptions): Promise<Front & SshKeys> {
  const { argv, ...keys } = await sshdArgv(o);
  return { ...(await startFront(argv, join(o.dir, 'sshd.log'))), ...keys };
}

/** `ssh -N -L`: a loopback port that leads to frps inside an SSH session. */
export async function startSshForward(o: {
  dir: string;
  login?: string;
  host: string;
  port: number;
  server: SshKeys;
  localPort: number;
  /** As sshd sees it. */
  to: string;
}): Promise<Front> {
  const knownHosts = join(o.dir, `known_hosts-${o.localPort}`);
  const host = o.port === 22 ? o.host : `[${o.host}]:${o.port}`;
  await writeFile(knownHosts, `${host} ${o.server.hostKey}\n`);
  const options = ['BatchMode=yes', `UserKnownHostsFile=${knownHosts}`, 'ExitOnForwardFailure=yes', 'LogLevel=ERROR'];
  const argv = ['ssh', '-N', '-F', 'none', '-i', o.server.keyFile, ...options.flatMap((option) => ['-o', option])];
  const way = ['-L', `127.0.0.1:${o.localPort}:${o.to}`, '-p', String(o.port), `${o.login ?? 'root'}@${o.host}`];
  const front = await startFront([...argv, ...way], null);
  const end = performance.now() + LOGIN_LIMIT_MS;
  while (!(await isListening(o.localPort))) {
    if (performance.now() > end) {
      await front.close();
      throw new Error('ssh did not log in in time');
    }
    await realClock.sleep(50);
  }
  return front;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Starts a program that stays in the foreground. Rejects with its words, from the log if it has one, where it ends at once. */
export async function startFront(argv: readonly string[], log: string | null): Promise<Front> {
  const child = spawnGroup({
    argv: [...WITH_US, ...argv],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: process.env['HOME'] ?? '/' },
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const early = await Promise.race([child.exited, realClock.sleep(START_MS)]);
  if (early !== undefined) {
    const words = log === null ? '' : await readFile(log, 'utf8').catch(() => '');
    throw new Error(`${argv.join(' ')} ended at once: ${String(early.error ?? early.code)} ${words}`);
  }
  return {
    pid: child.pid,
    async close() {
      child.kill('SIGKILL');
      const alive = setInterval(() => undefined, 60_000);
      await child.exited;
      clearInterval(alive);
    },
  };
}
