import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HELP, readSettings } from './settings.ts';

const ADMIN = { SPOTRIG_ADMIN_TOKEN: 'an-admin-token-of-some-length' };

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-settings-'));
  for (const name of ['cert', 'key', 'token']) writeFileSync(join(dir, name), `the ${name} of some length\n`);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function complaints(argv: string[], env: Record<string, string> = {}): string[] {
  const read = readSettings(argv, env);
  return read.kind === 'wrong' ? read.complaints : [];
}

describe('settings', () => {
  it('have defaults that serve loopback', () => {
    expect(readSettings([], {})).toMatchObject({
      kind: 'settings',
      settings: {
        listen: { host: '127.0.0.1', port: 8480 },
        data_dir: join(process.cwd(), 'var/collector'),
        release_dir: join(process.cwd(), 'dist'),
        admin_token: null,
        offline_after_ms: 60_000,
        keep_ms: 7 * 86_400_000,
      },
    });
  });

  it('read files, networks and IPv6', () => {
    const argv = ['--listen', '[::]:443', '--tls-cert', join(dir, 'cert'), '--tls-key', join(dir, 'key')];
    argv.push('--admin-token-file', join(dir, 'token'), '--trust-proxy', '10.0.0.0/8', '--trust-proxy', '::1');
    expect(readSettings(argv, ADMIN)).toMatchObject({
      settings: {
        listen: { host: '::', port: 443 },
        tls: { cert: 'the cert of some length\n' },
        admin_token: 'the token of some length',
        trust_proxy: ['10.0.0.0/8', '::1'],
      },
    });
  });

  it('complain about everything at once, with the flag that is meant', () => {
    const argv = ['--listen', 'nowhere', '--tls-cert', join(dir, 'absent'), '--log-level', 'loud'];
    argv.push('--offline-after-s', '0', '--keep-days', 'x', '--trust-proxy', '10.0.0.0/99');
    const found = complaints(argv);
    for (const flag of [
      '--listen',
      '--tls-cert',
      '--tls-key',
      '--log-level',
      '--offline-after-s',
      '--keep-days',
      '--trust-proxy',
    ]) {
      expect(found.filter((complaint) => complaint.includes(flag)).length, flag).toBeGreaterThan(0);
    }
  });

  it('complain about flags that are none', () => {
    expect(complaints(['--lisen', 'x', 'stray', '--data', '--listen', '--help=no', '--page='])).toHaveLength(6);
    expect(readSettings(['--help'], {}).kind).toBe('help');
    expect(HELP).toContain('--listen');
  });

  it.each([
    [['--listen', '0.0.0.0:8480'], {}, 2],
    [['--listen', '0.0.0.0:8480', '--insecure-http'], {}, 1],
    [['--listen', '0.0.0.0:8480'], ADMIN, 1],
    [['--listen', '0.0.0.0:8480', '--insecure-http'], ADMIN, 0],
    [['--listen', '0.0.0.0:8480', '--trust-proxy', '10.0.0.1'], ADMIN, 0],
    [['--listen', '[::]:8480', '--insecure-http'], ADMIN, 0],
    [['--listen', 'collector.example:8480'], {}, 2],
    [['--listen', '127.0.0.1:0', '--trust-proxy', '127.0.0.1'], {}, 1],
    [['--listen', '[::1]:8480'], {}, 0],
    [['--listen', 'localhost:8480'], {}, 0],
    [[], { SPOTRIG_ADMIN_TOKEN: 'short' }, 1],
    [[], { SPOTRIG_ADMIN_TOKEN: '' }, 1],
  ])('%j with %j make %i complaints about what would be exposed', (argv, env, count) => {
    expect(complaints(argv, env)).toHaveLength(count);
  });
});
