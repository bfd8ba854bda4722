// The SSH session that leads to frps (rung `ssh`): its files in a folder of the caller's, and its command line. The worker and the
// owner's commands use the same. Nothing of the user's or the system's ssh settings has a say.
import { join } from 'node:path';
import { writeFileDurable } from '../../platform/durable-file.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';

const ALIAS = 'spotrig-frps';

/** The sshd beside an frps. */
export type SshPlace = NonNullable<FrpAddress['ssh']>;

/** Writes them (mode 0600). `key`: an OpenSSH private key. frps is then at `localPort` of loopback while the session lives. */
export async function writeSshFiles(dir: string, ssh: SshPlace, key: string, localPort: number): Promise<void> {
  await writeFileDurable(join(dir, 'ssh_key'), key);
  await writeFileDurable(join(dir, 'ssh_known_hosts'), `${ALIAS} ssh-ed25519 ${ssh.hostKey}\n`);
  await writeFileDurable(join(dir, 'ssh_config'), sshConfig(dir, ssh, localPort));
}

/** The command, with the files in `dir`. */
export function sshArgv(dir: string): string[] {
  return ['ssh', '-N', '-F', join(dir, 'ssh_config'), ALIAS];
}

function sshConfig(dir: string, ssh: SshPlace, localPort: number): string {
  // ssh expands % in paths, and takes blanks in quotes.
  const file = (name: string): string => `"${join(dir, name).replaceAll('%', '%%')}"`;
  const options: readonly (readonly [string, string])[] = [
    ['HostName', ssh.host],
    ['Port', String(ssh.port)],
    ['User', ssh.login],
    ['HostKeyAlias', ALIAS],
    ['HostKeyAlgorithms', 'ssh-ed25519'],
    ['StrictHostKeyChecking', 'yes'],
    ['UserKnownHostsFile', file('ssh_known_hosts')],
    ['GlobalKnownHostsFile', '/dev/null'],
    ['IdentityFile', file('ssh_key')],
    ['IdentitiesOnly', 'yes'],
    ['IdentityAgent', 'none'],
    ['BatchMode', 'yes'],
    ['ConnectTimeout', '15'],
    ['ServerAliveInterval', '15'],
    ['ServerAliveCountMax', '3'],
    ['ExitOnForwardFailure', 'yes'],
    // The account there may open nothing else.
    ['LocalForward', `127.0.0.1:${String(localPort)} 127.0.0.1:${String(ssh.to)}`],
    ['LogLevel', 'ERROR'],
  ];
  return `Host ${ALIAS}\n${options.map(([name, value]) => `  ${name} ${value}\n`).join('')}`;
}
