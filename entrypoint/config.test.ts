import { afterEach, describe, expect, it } from 'vitest';
import { forgetSecrets, scrub } from '../platform/secrets.ts';
import { egressNames, readConfig, type Environment } from './config.ts';

const token = `sr1.k1.rig-7.1800000000.${'A'.repeat(43)}`;
const good: Environment = {
  SPOTRIG_BOOT: 'a'.repeat(32),
  SPOTRIG_COLLECTOR: 'https://c.example.org/, http://10.0.0.1:8480',
  SPOTRIG_TOKEN: token,
  SPOTRIG_MINER: 't-rex@0.26.8',
  SPOTRIG_ALGO: 'kawpow',
  SPOTRIG_POOLS: 'stratum+tcp://ru.example.org:5030#RU,KZ stratum+tcp://me:hunter22@b.example.org:5031',
  SPOTRIG_WALLET: 'RWallet123456789',
};

function complaintsOf(env: Environment): string[] {
  const result = readConfig(env);
  return 'refusal' in result ? result.refusal.complaints : [];
}

afterEach(forgetSecrets);

describe('readConfig', () => {
  it('reads a whole order, with the worker’s name from the token', () => {
    const result = readConfig({ ...good, DELEGATED_ENTRYPOINT: 'https://m.example.org/v1/entrypoint.sh?a=b#c' });
    if (!('config' in result)) throw new Error(result.refusal.complaints.join('\n'));
    expect(result.config).toMatchObject({
      worker: 'rig-7',
      poolWorker: 'rig-7',
      collectors: ['https://c.example.org', 'http://10.0.0.1:8480'],
      miner: { from: 'release', release: { miner: 't-rex', version: '0.26.8' } },
      relay: true,
      home: '/var/lib/spotrig',
      scriptMirror: 'https://m.example.org/v1',
    });
    expect(result.config.pools.map((p) => p.host)).toEqual(['ru.example.org', 'b.example.org']);
  });

  it('lists every complaint at once, each with its variable', () => {
    const bad: Environment = {
      SPOTRIG_BOOT: 'a'.repeat(32),
      SPOTRIG_COLLECTOR: 'ftp://x',
      SPOTRIG_COLLECTOR_PIN: 'short',
      SPOTRIG_TOKEN: 'sr1.nonsense',
      WORKER_NAME: 'has blank',
      SPOTRIG_MINER: 'T Rex',
      SPOTRIG_MINER_ARGS: '{"a":1}',
      SPOTRIG_ALGO: 'kaw pow',
      SPOTRIG_POOLS: 'nowhere',
      SPOTRIG_WALLET: 'two words',
      SPOTRIG_PASSWORD: 'two words',
      SPOTRIG_COUNTRY: 'Russia',
      SPOTRIG_SERVER: 'abc',
      SPOTRIG_EXPECT: 'many',
      SPOTRIG_RELAY: 'yes',
      SPOTRIG_MIRRORS: 'mirror',
      SPOTRIG_HOME: 'relative',
      SPOTRIG_LOG: 'loud',
      SPOTRIG_POOL: 'typo',
    };
    const complaints = complaintsOf(bad);
    for (const name of Object.keys(bad).filter((n) => n !== 'SPOTRIG_BOOT')) {
      expect(
        complaints.filter((c) => c.startsWith(`${name} `)),
        name,
      ).toHaveLength(1);
    }
    expect(complaints).toHaveLength(Object.keys(bad).length - 1);
    expect(complaints.find((c) => c.startsWith('SPOTRIG_POOL '))).toContain('did you mean SPOTRIG_POOLS?');
  });

  it('names what is missing', () => {
    expect(complaintsOf({}).map((c) => c.split(' ')[0])).toEqual([
      'SPOTRIG_COLLECTOR',
      'SPOTRIG_TOKEN',
      'SPOTRIG_MINER',
      'SPOTRIG_ALGO',
      'SPOTRIG_POOLS',
      'SPOTRIG_BOOT',
    ]);
    expect(complaintsOf({ ...good, SPOTRIG_WALLET: '' })[0]).toContain('SPOTRIG_WALLET is not set');
  });

  it('refuses what cannot work together', () => {
    expect(complaintsOf({ ...good, SPOTRIG_COLLECTOR_PIN: Buffer.alloc(32).toString('base64') })).toHaveLength(1);
    const own = { ...good, SPOTRIG_POOLS: 'stratum+tcp://me:pw1234@h:1', SPOTRIG_WALLET: '' };
    expect(complaintsOf(own)).toEqual([]);
    expect(complaintsOf({ ...own, SPOTRIG_RELAY: 'off' })).toHaveLength(1);
    // Any pool may come to be used, not the first alone.
    expect(complaintsOf({ ...own, SPOTRIG_POOLS: `${own.SPOTRIG_POOLS} tcp://h:2` })[0]).toContain('SPOTRIG_WALLET');
    const direct = (pools: string): string[] => complaintsOf({ ...good, SPOTRIG_POOLS: pools, SPOTRIG_RELAY: 'off' });
    expect(direct('ssl://h.example:1?sni=none tcp://h:2')).toEqual([]);
    for (const option of ['tls=1.2', 'sni=other.example', 'socks5=p:1080']) {
      expect(direct(`tcp://h:2 ssl://h.example:1?${option}`)[0], option).toContain('SPOTRIG_RELAY=off cannot use');
    }
  });

  it('reads what is reached through frp, and says what it cannot work without', () => {
    const through = {
      SPOTRIG_COLLECTOR: 'https://c.example.org/,https://c.example.org:443/#frp=collector',
      SPOTRIG_POOLS: 'tcp://h:1 frp+stcp://me:hunter22@pool-a#KZ',
    };
    const complaints = complaintsOf({ ...good, ...through, SPOTRIG_RELAY: 'off', SPOTRIG_COLLECTOR_PIN: '' });
    expect(complaints.filter((c) => c.includes('frp+stcp'))[0]).toContain('SPOTRIG_RELAY=off cannot use frp+stcp://');
    expect(complaintsOf({ ...good, SPOTRIG_COLLECTOR: 'https://c.example.org#name' })[0]).toContain('frp=');
    expect(complaintsOf({ ...good, SPOTRIG_COLLECTOR: 'ftp://c.example.org#frp=c' })[0]).toContain('not an http');
    const alone = { ...good, ...through };
    expect(complaintsOf(alone)[0]).toContain('SPOTRIG_FRP is not set, and pool-a');
    const frp = { SPOTRIG_FRP: 'frp://:t0kent0ken@a:1', SPOTRIG_FRP_CA: '/ca.pem', SPOTRIG_FRPC: 'frpc@/frpc' };
    expect(complaintsOf({ ...alone, ...frp })[0]).toContain('SPOTRIG_EGRESS_KEY is not set');
    expect(complaintsOf({ ...alone, ...frp, SPOTRIG_EGRESS_KEY: 'k'.repeat(43) })).toEqual([]);
    const many = Array.from({ length: 17 }, (_, i) => `frp+stcp://pool-${String(i)}`).join(' ');
    expect(complaintsOf({ ...good, SPOTRIG_POOLS: many })[0]).toContain('17 exports');
    expect(egressNames({ pools: [], collectors: ['https://c.example.org#frp=c', 'https://d.example.org'] })).toEqual([
      'c',
    ]);
  });

  it('says what a tunnel lacks, and what lies idle without one', () => {
    const frp = { SPOTRIG_FRP: 'frp://:t0kent0ken@a:1', SPOTRIG_FRP_CA: '/ca.pem', SPOTRIG_FRPC: 'frpc@/frpc' };
    expect(complaintsOf({ ...good, ...frp, SPOTRIG_EXPOSE: 'ssh:22' })).toEqual([]);
    expect(complaintsOf({ ...good, SPOTRIG_EXPOSE: 'ssh:22' })).toEqual([
      expect.stringContaining('SPOTRIG_EXPOSE needs'),
    ]);
    expect(complaintsOf({ ...good, ...frp, SPOTRIG_FRP_CA: '' })).toEqual([expect.stringContaining('SPOTRIG_FRP_CA')]);
    expect(complaintsOf({ ...good, ...frp, SPOTRIG_FRPC: '' })).toEqual([expect.stringContaining('SPOTRIG_FRPC')]);
    const ssh = `frp://a:1?ssh=me@a:22&hostkey=AAAAC3NzaC1lZDI1NTE5AAAAI${'b'.repeat(43)}`;
    expect(complaintsOf({ ...good, ...frp, SPOTRIG_FRP: ssh })).toEqual([
      expect.stringContaining('SPOTRIG_FRP_SSH_KEY'),
    ]);
    const told = complaintsOf({ ...good, ...frp, SPOTRIG_FRP: 'frp://:t0kent0ken@a' });
    expect(told).toEqual([expect.stringContaining('the port')]);
    expect(scrub('x t0kent0ken')).toBe('x ***');
  });

  it('never shows a secret in a complaint, and registers each one', () => {
    const complaints = complaintsOf({ ...good, SPOTRIG_TOKEN: 'sr1.my-secret-token', SPOTRIG_PASSWORD: 'pass word77' });
    expect(complaints).toHaveLength(2);
    expect(complaints.join(' ')).not.toMatch(/my-secret|word77/);
    const urls = {
      SPOTRIG_COLLECTOR: 'htps://bob:hunter22@c.example',
      SPOTRIG_MIRRORS: 'ftp://bob:hunter22@m.example/x',
    };
    const told = complaintsOf({ ...good, ...urls }).join(' ');
    expect(told).toMatch(/"c\.example".*"m\.example\/x"/);
    expect(told).not.toMatch(/bob|hunter22/);
    complaintsOf({ ...good, SPOTRIG_POOLS: 'tcp://h:1?socks5=bob:prox%40pw@p:1' });
    expect(scrub('prox@pw prox%40pw')).toBe('*** ***');
    readConfig(good);
    expect(scrub(`${token} hunter22 me:hunter22 pass word77`)).not.toMatch(/sr1|hunter22|word77/);
  });

  it('refuses miner arguments that no program can be given', () => {
    expect(complaintsOf({ ...good, SPOTRIG_MINER_ARGS: String.raw`["a\u0000b"]` })).toHaveLength(1);
  });

  it('takes KZ for RU', () => {
    const result = readConfig({ ...good, SPOTRIG_COUNTRY: 'kz' });
    expect('config' in result && result.config.country).toBe('RU');
  });
});
