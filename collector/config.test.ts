import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultConfig, readConfig } from './config.ts';
import { networkOf } from './networks/network.ts';
import { readSettings } from './settings.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-config-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function read(text: string) {
  const path = join(dir, 'collector.toml');
  writeFileSync(path, text);
  return readConfig(path);
}

function complaints(text: string): string[] {
  const found = read(text);
  return 'complaints' in found
    ? found.complaints.map((line) => line.replace(`${join(dir, 'collector.toml')}: `, ''))
    : [];
}

const EXAMPLE = readFileSync(join(import.meta.dirname, '../docs/collector.toml.example'), 'utf8');
const ENDPOINT = '[[endpoint]]\nurl = "stratum+tcp://pool.example:3333"\ndialect = "bitcoin"\n';

describe('collector.toml', () => {
  it('may be empty: nothing is measured then, and special addresses are refused anyway', () => {
    expect(read('')).toEqual({ config: defaultConfig() });
    expect(defaultConfig()).toMatchObject({ name: null, endpoints: [], asns: null, resolvers: [] });
    expect(defaultConfig().refuse.length).toBeGreaterThan(20);
  });

  it('lists endpoints as targets', () => {
    const found = read(`${ENDPOINT}[[endpoint]]\nurl = "tcp://[2A01:4F8::1]:80"\ndialect = "unknown"`);
    const secure = [
      'host.example:1"',
      'host.example:2"\nsni = "other.example"',
      'host.example:3"\nsni = ""',
      '8.8.8.8:4"',
    ];
    const more = read(secure.map((rest) => `[[endpoint]]\ndialect = "kaspa"\nurl = "stratum+ssl://${rest}\n`).join(''));
    const endpoints = 'config' in more ? more.config.endpoints : [];
    expect(endpoints.map(({ tls, sni }) => [tls, sni])).toEqual([
      [true, 'host.example'],
      [true, 'other.example'],
      [true, null],
      [true, null],
    ]);
    expect('config' in found ? found.config.endpoints : found).toEqual([
      {
        ...{ role: 'pool', url: 'stratum+tcp://pool.example:3333', host: 'pool.example', port: 3333 },
        ...{ tls: false, sni: null, dialect: 'bitcoin' },
      },
      expect.objectContaining({ url: 'stratum+tcp://[2a01:4f8::1]:80', host: '2a01:4f8::1', sni: null }),
    ]);
  });

  it('complains about everything at once, with the field that is meant', () => {
    const text = [
      'name = "No Name"',
      'nmae = "x"',
      '[[endpoint]]',
      'url = "gopher://user:secret-word@pool.example"',
      'dialect = "latin"',
      '[[endpoint]]',
      'url = "stratum+ssl://pool.example:3333?sni=none#RU"',
      'dialect = "bitcoin"',
      'sni = "not a name"',
      '[control]',
      'refuse = ["10.0.0.1/8", "fc00::/7"]',
      'resolvers = ["dns.example"]',
      'cache_s = 301',
      '[geo]',
      'asn_csv = 7',
    ].join('\n');
    const found = complaints(text);
    for (const field of [
      ...['name:', 'nmae', 'endpoint[0].url:', 'endpoint[0].dialect:', 'endpoint[1].url:', 'endpoint[1].sni:'],
      ...['control.refuse[0]:', 'control.resolvers[0]:', 'control.cache_s:', 'geo.asn_csv:'],
    ]) {
      expect(found.filter((line) => line.includes(field)).length, `${field} in ${found.join('\n')}`).toBeGreaterThan(0);
    }
    expect(found.join('\n')).not.toContain('secret-word');
  });

  it('says where it is not TOML, which endpoint is there twice, and which file is not there', () => {
    expect(complaints('[[endpoint')).toEqual([expect.stringContaining('Invalid TOML')]);
    expect(complaints(ENDPOINT + ENDPOINT)).toEqual([
      'endpoint[1].url: stratum+tcp://pool.example:3333 is there twice',
    ]);
    expect(complaints('[geo]\nasn_csv = "absent.csv"')).toEqual([expect.stringContaining('geo.asn_csv: ENOENT')]);
    writeFileSync(join(dir, 'bad.csv'), '5.8.0.0/16,8359,RU\nrubbish\n');
    expect(complaints('[geo]\nasn_csv = ["bad.csv"]')).toEqual([expect.stringContaining('bad.csv: line 2')]);
  });

  it('finds its tables beside itself', () => {
    writeFileSync(join(dir, 'asn.csv'), '5.8.0.0/16,8359,RU\n');
    const found = read('[geo]\nasn_csv = "asn.csv"');
    if ('complaints' in found) throw new Error(found.complaints.join());
    expect(networkOf('5.8.1.1', found.config.asns)).toMatchObject({ key: 'AS8359', country: 'RU' });
  });

  it('knows pools that tell what they credit, and a webhook with its secret', () => {
    const table = (name: string) =>
      `[[pool_api]]\nname = "${name}"\nform = "miningcore"\nurl = "https://api.example/a"\nhosts = ["pool.example"]\n`;
    const found = read(table('a'));
    expect('config' in found ? found.config.pool_apis : found).toMatchObject([
      { worker: '{worker}', every_ms: 120_000 },
    ]);
    expect(complaints(`${table('a')}worker = "x"`)).toEqual([expect.stringContaining('pool_api[0].worker')]);
    expect(complaints(table('a') + table('a'))).toEqual([expect.stringContaining('two have one name')]);
    const hook = '[webhook]\nurl = "https://bot.example/"\nsecret_file = "short.txt"';
    expect(complaints(hook)).toEqual([expect.stringContaining('webhook.secret_file: cannot read')]);
    writeFileSync(join(dir, 'short.txt'), 'short\n');
    expect(complaints(hook)).toEqual([expect.stringContaining('16 characters or more')]);
  });

  it('is what the flag names, or what lies in the data folder; a wrong one is a wrong setting', () => {
    writeFileSync(join(dir, 'collector.toml'), 'name = "here"');
    writeFileSync(join(dir, 'wrong.toml'), 'name = 7');
    expect(readSettings(['--data', dir], {})).toMatchObject({ settings: { config: { name: 'here' } } });
    const wrong = readSettings(['--data', dir, '--config', join(dir, 'wrong.toml')], {});
    expect(wrong).toMatchObject({ kind: 'wrong', complaints: [expect.stringContaining('wrong.toml: name:')] });
    const absent = readSettings(['--data', dir, '--config', join(dir, 'absent.toml')], {});
    expect(absent).toMatchObject({ kind: 'wrong', complaints: [expect.stringContaining('absent.toml')] });
  });
});

describe('[frp]', () => {
  const FRP = '[frp]\naddresses = ["frp://tun.example:443?wss=www.example:443#RU"]\n';

  it('is nothing where it is absent, and has defaults where it is there', () => {
    expect(defaultConfig().frp).toBeNull();
    const found = read(FRP);
    expect('config' in found ? found.config.frp : found).toEqual({
      hook: { host: '127.0.0.1', port: 8490 },
      addresses: ['frp://tun.example:443?wss=www.example:443#RU'],
      ...{ ca_file: join(dir, 'frp-ca.pem'), ports: null, max_proxies: 16, egress: [] },
    });
    const more = read(`${FRP}ports = "20000-20009"\n[[frp.egress]]\nname = "pool-a"\ntarget = "[2a01:4f8::1]:3333"`);
    expect('config' in more ? more.config.frp : more).toMatchObject({
      ports: { first: 20_000, last: 20_009 },
      egress: [{ name: 'pool-a', target: { host: '2a01:4f8::1', port: 3333 } }],
    });
  });

  it.each([
    ['hook', `${FRP}hook = "0.0.0.0:8490"`],
    ['hook', `${FRP}hook = "127.0.0.1"`],
    ['addresses', '[frp]\naddresses = []'],
    ['addresses[0]', '[frp]\naddresses = ["frp://:secret-word@tun.example:443"]'],
    ['addresses[0]', '[frp]\naddresses = ["tun.example:443"]'],
    ['ports', `${FRP}ports = "20-30"`],
    ['ports', `${FRP}ports = "20009-20000"`],
    ['max_proxies', `${FRP}max_proxies = 0`],
    ['egress[0].name', `${FRP}[[frp.egress]]\nname = "Pool"\ntarget = "pool.example:1"`],
    ['egress[0].target', `${FRP}[[frp.egress]]\nname = "pool"\ntarget = "pool.example"`],
    ['egress', `${FRP}[[frp.egress]]\nname = "a"\ntarget = "b:1"\n[[frp.egress]]\nname = "a"\ntarget = "c:1"`],
  ])('complains about %s', (field, text) => {
    const found = complaints(text);
    expect(found).toEqual([expect.stringContaining(`frp.${field}:`)]);
    expect(found.join()).not.toContain('secret-word');
  });
});

describe('the example file', () => {
  it('is taken, as it is and with its optional keys', () => {
    expect('config' in read(EXAMPLE)).toBe(true);
    writeFileSync(join(dir, 'ip2asn-combined.tsv'), '');
    writeFileSync(join(dir, 'webhook-secret.txt'), 'a secret of the test');
    const found = read(EXAMPLE.replaceAll(/^#= /gm, ''));
    expect(found).not.toHaveProperty('complaints');
    expect(found).toMatchObject({ config: { name: 'frankfurt-1', resolvers: ['192.0.2.53'] } });
  });

  it('takes hashrates of the operator’s own, and says what is wrong with one', () => {
    const own = '[[expect]]\nmodel = "RTX 3070"\nalgo = "kawpow"\nrate_hs = 28_500_000\n';
    const found = read(`${own}${own.replace('28_500_000', '2.5e7')}power_limit_w = 130\nspread = 0.05\n`);
    expect('config' in found ? found.config.expect : found).toEqual([
      { model: 'RTX 3070', algo: 'kawpow', power_limit_w: null, rate_hs: 28_500_000, spread: 0.1 },
      { model: 'RTX 3070', algo: 'kawpow', power_limit_w: 130, rate_hs: 25_000_000, spread: 0.05 },
    ]);
    expect(complaints(own.replace('28_500_000', '0'))).toEqual([expect.stringMatching(/^expect\[0\]\.rate_hs: /)]);
  });

  it('takes error rates of the judge, within reason', () => {
    const found = read('[judge]\nalpha = 0.001\n');
    expect('config' in found ? found.config.judge : found).toMatchObject({ alpha: 0.001, beta: 0.01 });
    expect(complaints('[judge]\nalpha = 0.5\n')).toEqual([expect.stringMatching(/^judge\.alpha: /)]);
  });

  it('shows the defaults of all limits', () => {
    const [untilGeo = ''] = EXAMPLE.split('[geo]');
    const lines = untilGeo.split('\n').filter((line) => line.startsWith('[control]') || /^#= \w+ = [0-9]+$/.test(line));
    const found = read(lines.map((line) => line.replace('#= ', '')).join('\n'));
    expect(lines).toHaveLength(6);
    expect('config' in found ? found.config.limits : found).toEqual(defaultConfig().limits);
    expect(Object.keys(defaultConfig().limits)).toHaveLength(5);
  });
});
