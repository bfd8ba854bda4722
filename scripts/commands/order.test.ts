// The command without --submit: files in, a body out, and nothing is sent.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadKeys } from '../../collector/keys.ts';
import { verifyToken } from '../../collector/tokens.ts';
import { readConfig } from '../../entrypoint/config.ts';
import { forgetSecrets } from '../../platform/secrets.ts';
import { rawMachine } from '../../test/fakes/markets.ts';
import { run } from './order.ts';
import { run as token } from './token.ts';

const EXAMPLE = join(import.meta.dirname, '../../docs/fleet.toml.example');

let dir: string;
let out: string;
let err: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-order-'));
  vi.spyOn(console, 'log').mockImplementation((text) => {
    out += `${String(text)}\n`;
  });
  vi.spyOn(console, 'error').mockImplementation((text) => {
    err += `${String(text)}\n`;
  });
  await loadKeys(dir);
});
afterEach(async () => {
  vi.restoreAllMocks();
  forgetSecrets();
  await rm(dir, { recursive: true, force: true });
});

/** Runs `order`; its exit code. */
async function order(...argv: string[]): Promise<number> {
  [out, err] = ['', ''];
  return run([...argv, '--data', dir, '--state', join(dir, 'state'), '--ledger', join(dir, 'ccr.json')]);
}

async function file(name: string, content: unknown): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const market = { '1701': rawMachine({ cc: 'KZ' }), '1702': rawMachine({ online: false }) };

interface Told {
  orders: { renting_server: number; env: Record<string, string> }[];
  refusals: { server: number; reason: string }[];
}

async function told(...argv: string[]): Promise<Told> {
  expect(await order(...argv, '--json'), err).toBe(0);
  return JSON.parse(out) as Told;
}

it('makes of the example file an order that the worker starts with', async () => {
  const snapshot = await file('snap_1764170000.json', market);
  const body = join(dir, 'body.json');
  expect(await order(EXAMPLE, '--snapshot', snapshot, '--my-user-id', '77', '--out', body)).toBe(0);
  expect(err).toBe('');
  expect(out).toMatch(/^1701 .* rig-1701$/m);
  expect(out).toMatch(/^1702 +not_online/m);
  expect(out).toMatch(/1 of 2 machines get an order\. Nothing was sent\./);
  expect((await stat(body)).mode & 0o777).toBe(0o600);
  const [made] = JSON.parse(await readFile(body, 'utf8')) as Told['orders'];
  const read = readConfig({ ...made?.env, SPOTRIG_BOOT: '0'.repeat(32) });
  expect(read).toMatchObject({ config: { worker: 'rig-1701', country: 'RU', server: '1701', expect: '2xRTX 3070' } });
  expect('config' in read && read.config.pools.map(({ host }) => host)).toEqual(['ru.example.org', 'eu.example.org']);
  const check = verifyToken(made?.env['SPOTRIG_TOKEN'] ?? '', await loadKeys(dir), Date.now());
  expect(check).toMatchObject({ ok: true, identity: { worker: 'rig-1701' } });
});

it('prints no secret', async () => {
  const snapshot = await file('snap.json', market);
  const { orders } = await told(EXAMPLE, '--snapshot', snapshot);
  expect(orders[0]?.env).toMatchObject({ SPOTRIG_TOKEN: '***', SPOTRIG_POOLS: '***', SPOTRIG_ALGO: 'kawpow' });
  expect(out + err).not.toMatch(/sr1\./);
  expect(err).toMatch(/--my-user-id/);
});

it('obeys the black list, by server and by host', async () => {
  const snapshot = await file('snap.json', {
    '1': rawMachine({ host: 5 }),
    '2': rawMachine({ host: 6 }),
    '3': rawMachine({}),
  });
  const at = '2026-11-26T10:00:00Z';
  const list = { v: 1, servers: [{ id: 1, reason: 'slow', at }], hosts: [{ id: '6', reason: 'cheats', at }] };
  const { orders, refusals } = await told(
    EXAMPLE,
    '--snapshot',
    snapshot,
    '--blacklist',
    await file('black.json', list),
  );
  expect(orders.map(({ renting_server }) => renting_server)).toEqual([3]);
  expect(refusals).toMatchObject([
    { server: 1, reason: 'blacklisted_server', detail: 'slow' },
    { server: 2, reason: 'blacklisted_host', detail: 'cheats' },
  ]);
});

it('gives a worker whose tokens are revoked no order', async () => {
  await token(['revoke', '--worker', 'rig-1701', '--data', dir]);
  const { orders, refusals } = await told(EXAMPLE, '--snapshot', await file('snap.json', market));
  // A new token may end a second later than the revocation reaches; then it is a good one.
  if (orders.length === 0) expect(refusals).toContainEqual(expect.objectContaining({ reason: 'token_revoked' }));
  const short = (await readFile(EXAMPLE, 'utf8')).replace('#= token_days = 21', 'token_days = 20');
  const again = await told(await file('fleet.toml', short), '--snapshot', await file('snap.json', market));
  expect(again.refusals).toContainEqual(expect.objectContaining({ server: 1701, reason: 'token_revoked' }));
});

it('knows what an image of one’s own sets by itself, and does not send it', async () => {
  const text = (await readFile(EXAMPLE, 'utf8'))
    .replace('"ubuntu"', '"ccr"')
    .replace('#= image = "worker"', `image = "${'0a'.repeat(12)}"`);
  const lacking = text.replace('SPOTRIG_MINER = "t-rex"\n', '');
  const snapshot = await file('snap.json', market);
  expect(await order(await file('lacking.toml', lacking), '--snapshot', snapshot)).toBe(1);
  expect(err).toMatch(/env: SPOTRIG_MINER is not set/);
  const whole = `${lacking}\n[image_env]\nSPOTRIG_MINER = "t-rex"\n`;
  const { orders } = await told(await file('whole.toml', whole), '--snapshot', snapshot);
  expect(orders[0]?.env).not.toHaveProperty('SPOTRIG_MINER');
});

it('gives each machine of HiveOS a pair of its own, while there are any', async () => {
  const fleet = {
    ...{ name: 'hive', profile: 'hiveos', rigs: 'rigs.csv', env: {}, bid: { rule: 'fixed', per_gpu: 2 } },
    gpu: { 'RTX 3070': { pl: 120 } },
  };
  await file('rigs.csv', 'rig_id,rig_pass\n11,firstpass\n12,secondpass\n');
  const body = join(dir, 'body.json');
  const snapshot = await file('snap.json', { '1': rawMachine({}), '2': rawMachine({}), '3': rawMachine({}) });
  const { orders, refusals } = await told(await file('fleet.json', fleet), '--snapshot', snapshot, '--out', body);
  expect(orders.map(({ env }) => env)).toEqual([
    { rig_id: '11', rig_pass: '***' },
    { rig_id: '12', rig_pass: '***' },
  ]);
  expect(refusals).toMatchObject([{ server: 3, reason: 'no_rig_left' }]);
  expect(await readFile(body, 'utf8')).toMatch(/"rig_pass": "secondpass"/);
});

describe('a wrong call', () => {
  const wrong: [name: string, argv: () => Promise<string[]>, code: number, says: RegExp][] = [
    ['without a fleet file', async () => [], 64, /give one fleet file/],
    ['with an unknown option', async () => [EXAMPLE, '--colour'], 64, /--colour/],
    [
      'with a snapshot that is not there',
      async () => [EXAMPLE, '--snapshot', join(dir, 'none')],
      1,
      /cannot read .*none/,
    ],
    [
      'with a snapshot that is not JSON',
      async () => [EXAMPLE, '--snapshot', await file('s', '<html>')],
      1,
      /s is not JSON/,
    ],
    ['with a snapshot that is a list', async () => [EXAMPLE, '--snapshot', await file('s', [])], 1, /expected record/],
    ['with no key for the API', async () => [EXAMPLE, '--api', 'http://127.0.0.1:1'], 64, /CLORE_API_KEY/],
    ['with a key for plain http', async () => [EXAMPLE, '--api', 'http://api.example.org'], 64, /https, since the key/],
    ['with a black list in another form', async () => [EXAMPLE, '--blacklist', await file('b', { v: 2 })], 1, /b: v /],
    [
      'with an env that no worker would take',
      async () => [await file('f', (await readFile(EXAMPLE, 'utf8')).replace('SPOTRIG_ALGO', 'SPOTRIG_AGLO'))],
      1,
      /f: env: SPOTRIG_ALGO is not set[^]*SPOTRIG_AGLO is not a setting of spotrig; did you mean SPOTRIG_ALGO\?/,
    ],
    [
      'with an image that the ledger does not know',
      async () => [
        await file('f', (await readFile(EXAMPLE, 'utf8')).replace('"ubuntu"', '"ccr"').replace('#= image', 'image')),
      ],
      1,
      /image: "worker" is neither a CCR id/,
    ],
  ];
  it.each(wrong)('%s is told', async (_name, argv, code, says) => {
    vi.stubEnv('CLORE_API_KEY', '');
    expect(await order(...(await argv()))).toBe(code);
    expect(err).toMatch(says);
    vi.unstubAllEnvs();
  });

  it('with a folder that has no keys is told', async () => {
    expect(await run([EXAMPLE, '--data', join(dir, 'empty')])).toBe(1);
    expect(err).toMatch(/has no keys of a collector/);
  });
});
