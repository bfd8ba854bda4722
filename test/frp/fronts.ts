// What stands in front of frps in the field, for tests: a certificate, nginx for the rung `wss`, an sshd for the rung `ssh`. Real programs,
// where they are installed.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { which } from 'zx';
import { realClock } from '../../platform/clock.ts';
import { isErrno } from '../../platform/errors.ts';
import { spawnGroup } from '../../platform/process.ts';

/** Sends KILL to the program when the one that started it is gone. */
const WITH_US = ['setpriv', '--pdeathsig', 'KILL'];
const START_MS = 200;

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

/** Which of the programs are not here. */
export async function lacking(...programs: readonly ('nginx' | 'sshd' | 'ssh')[]): Promise<string[]> {
  const found = await Promise.all(programs.map((program) => which(program, { nothrow: true })));
  return programs.filter((_, i) => found[i] === null);
}

/** nginx with TLS at `host:port` that passes frp's websocket on to frps, as a web site would. */
export async function startNginx(o: {
  dir: string;
  host: string;
  port: number;
  frpsPort: number;
  certificate: CertificateFiles;
  prefix?: readonly string[];
}): Promise<Front> {
  const { dir, host, port, frpsPort, certificate } = o;
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`).join(' ');
  const conf = `daemon off; master_process off; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
events { worker_connections 512; }
http { access_log off; ${temp}
  server { listen ${host}:${port} ssl; ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile};
    location / { return 200 "a web site\\n"; }
    location = /~!frp { proxy_pass http://127.0.0.1:${frpsPort}; proxy_http_version 1.1; proxy_buffering off;
      proxy_read_timeout 1h; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } } }
`;
  await writeFile(join(dir, 'nginx.conf'), conf);
  const program = (await which('nginx', { nothrow: true })) ?? 'nginx';
  const argv = [program, '-p', dir, '-e', join(dir, 'nginx.log'), '-c', join(dir, 'nginx.conf')];
  return startFront([...(o.prefix ?? []), ...argv], join(dir, 'nginx.log'));
}

export interface SshServer extends Front {
  /** Path of the client's private key. */
  keyFile: string;
  /** The host's key, `ssh-ed25519 …` without the comment. */
  hostKey: string;
}

/** sshd whose only account may do nothing but open connections to frps: as the rung `ssh` wants it. */
export async function startSshd(o: {
  dir: string;
  host: string;
  port: number;
  /** `host:port` that may be reached through it; null: a login with a shell is what it is for. */
  permitOpen: string | null;
  prefix?: readonly string[];
}): Promise<SshServer> {
  const { dir, host, port, permitOpen } = o;
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
  const front = await startFront([...(o.prefix ?? []), ...argv], join(dir, 'sshd.log'));
  const [type = '', key = ''] = (await readFile(`${hostKeyFile}.pub`, 'utf8')).split(' ');
  return { ...front, keyFile, hostKey: `${type} ${key.trim()}` };
}

/** `ssh -N -L`: a loopback port that leads to frps inside an SSH session. */
export async function startSshForward(o: {
  dir: string;
  host: string;
  port: number;
  server: Pick<SshServer, 'keyFile' | 'hostKey'>;
  localPort: number;
  to: string;
}): Promise<Front> {
  const knownHosts = join(o.dir, `known_hosts-${o.localPort}`);
  await writeFile(knownHosts, `[${o.host}]:${o.port} ${o.server.hostKey}\n`);
  const options = ['BatchMode=yes', `UserKnownHostsFile=${knownHosts}`, 'ExitOnForwardFailure=yes', 'LogLevel=ERROR'];
  const argv = ['ssh', '-N', '-F', 'none', '-i', o.server.keyFile, ...options.flatMap((option) => ['-o', option])];
  return startFront([...argv, '-L', `127.0.0.1:${o.localPort}:${o.to}`, '-p', String(o.port), `root@${o.host}`], null);
}

async function startFront(argv: readonly string[], log: string | null): Promise<Front> {
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
