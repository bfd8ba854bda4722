import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';
import { workerTicketOf } from '../../test/fakes/frp-ticket.ts';
import { envelope, frpRecord } from '../../test/fakes/reports.ts';
import { deriveSecret } from '../../platform/derive.ts';
import { frpSecretLabel } from '../../wire/frp-names.ts';
import { AttachAnswer } from '../../wire/frp.ts';
import { parseToken } from '../../wire/token.ts';
import { settingsOf } from '../../test/fakes/collector.ts';
import { buildFrpHook } from './hook.ts';
import type { FrpConfig } from './settings.ts';
import { staffTicket } from './tickets.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const frp: FrpConfig = {
  hook: { host: '127.0.0.1', port: 8490 },
  addresses: ['frp://tun.example:443'],
  ca_file: '',
  ports: { first: 20_000, last: 20_001 },
  max_proxies: 2,
  egress: [],
};

let collector: FakeCollector;
let hook: FastifyInstance;
let path: string;
beforeEach(async () => {
  const { config } = settingsOf([]);
  collector = await fakeCollector({ settings: { config: { ...config, frp } } });
  const { deps } = collector;
  if (deps.frp === null) throw new Error('no secrets');
  hook = buildFrpHook({ ...deps, config: frp, secrets: deps.frp });
  path = `/${deps.frp.values.hook_path}`;
});
afterEach(async () => {
  await hook.close();
  await collector[Symbol.asyncDispose]();
});

async function ask(op: string, content: object, url = path): Promise<unknown> {
  const answer = await hook.inject({ method: 'POST', url, payload: { version: '0.1.0', op, content } });
  return answer.statusCode === 200 ? answer.json() : answer.statusCode;
}
const userOf = (worker: string, run_id = 'run-1') => ({
  ...{ user: worker, run_id },
  metas: { spotrig: workerTicketOf(collector.token(worker)) },
});
const newProxy = (worker: string, service: string, over: object = {}) =>
  ask('NewProxy', { user: userOf(worker), proxy_name: `${worker}.${service}`, proxy_type: 'stcp', ...over });
const details = async (worker?: string): Promise<string[]> =>
  (await collector.deps.store.events({ limit: 50, ...(worker === undefined ? {} : { worker }) })).map(
    ({ record }) => record.detail,
  );
const PASS = { reject: false, unchange: true };

describe('the hook', () => {
  it('answers under its secret path only, to POST only', async () => {
    expect(await ask('Login', userOf('rig-1'))).toEqual(PASS);
    expect(await ask('Login', userOf('rig-1'), '/frp')).toBe(404);
    expect((await hook.inject({ method: 'GET', url: path })).statusCode).toBe(404);
    expect((await hook.inject({ method: 'POST', url: path, payload: 'x'.repeat(70_000) })).statusCode).toBe(400);
  });

  it('refuses what it does not know', async () => {
    expect(await ask('Greet', {})).toMatchObject({ reject: true });
    expect(await ask('NewProxy', { proxy_name: 7 })).toMatchObject({ reject: true });
  });

  it('gives a port, writes it into frps’s own words, and gives the same again', async () => {
    const over = { proxy_type: 'tcp', sk: 'kept', annotations: { a: 'b' } };
    const given = await newProxy('rig-1', 'web', over);
    expect(given).toMatchObject({ reject: false, unchange: false, content: { ...over, remote_port: 20_000 } });
    expect(await newProxy('rig-2', 'web', { ...over, remote_port: 20_000 })).toMatchObject({ reject: true });
    expect(await newProxy('rig-1', 'web', { ...over, remote_port: 20_000 })).toEqual(PASS);
    expect(await newProxy('rig-2', 'web', over)).toMatchObject({ content: { remote_port: 20_001 } });
    expect(await newProxy('rig-3', 'web', over)).toMatchObject({ reject: true });
    expect(await details('rig-3')).toEqual([expect.stringContaining('NewProxy of rig-3.web refused: no port')]);
  });

  it('counts a worker’s services, beside the canary, until they are closed', async () => {
    for (const service of ['a', 'b', 'canary', 'a']) expect(await newProxy('rig-1', service)).toEqual(PASS);
    expect(await newProxy('rig-1', 'c')).toMatchObject({ reject: true });
    expect(await ask('CloseProxy', { user: userOf('rig-1'), proxy_name: 'rig-1.a' })).toEqual(PASS);
    expect(await newProxy('rig-1', 'c')).toEqual(PASS);
    expect(await details('rig-1')).toEqual([expect.stringContaining('max_proxies')]);
  });

  it('refuses a revoked worker at once, whatever it asks', async () => {
    expect(await newProxy('rig-1', 'ssh')).toEqual(PASS);
    const expires_up_to_s = collector.clock.nowMs() / 1000 + 100_000;
    await collector.deps.store.revoke({
      ...{ by: 'worker', worker: 'rig-1', expires_up_to_s, reason: 'test', created_ms: 0 },
    });
    const user = userOf('rig-1');
    const proxy = { user, proxy_name: 'rig-1.ssh', proxy_type: 'stcp' };
    for (const [op, content] of [
      ['Login', user],
      ['Ping', { user }],
      ['NewProxy', proxy],
      ['NewUserConn', proxy],
    ] as const) {
      expect(await ask(op, content)).toMatchObject({
        reject: true,
        reject_reason: expect.stringContaining('revoked') as string,
      });
    }
  });

  it('checks frp’s own token at the login, as frps does after it', async () => {
    const md5 = (token: string) => createHash('md5').update(`${token}1764000000`).digest('hex');
    const login = (token: string) => ({ ...userOf('rig-1'), timestamp: 1_764_000_000, privilege_key: md5(token) });
    expect(await ask('Login', login(collector.deps.frp?.values.token ?? ''))).toEqual(PASS);
    expect(await ask('Login', login('another'))).toMatchObject({ reject: true });
    expect(await details('rig-1')).toEqual([expect.stringContaining('Login of rig-1 refused: frp’s token')]);
    // frp's OIDC has a token of another form there: frps's to judge.
    expect(await ask('Login', { ...login('x'), privilege_key: 'eyJhbGciOi.x.y' })).toEqual(PASS);
  });

  it('tells of the operator’s own frpc as of no worker, each name for itself', async () => {
    const ticket = (role: 'egress' | 'owner', user: string) => ({
      ...{ user, run_id: 'run-1' },
      metas: { spotrig: staffTicket(collector.deps.keys, role, collector.clock.nowMs() / 1000 + 1000) },
    });
    const egress = ticket('egress', '_egress');
    for (const name of ['loot', 'loot', 'loot', 'gold'])
      await ask('NewProxy', { user: egress, proxy_name: `_egress.${name}`, proxy_type: 'stcp' });
    await ask('NewUserConn', { user: egress, proxy_name: '_egress.loot', proxy_type: 'stcp' });
    await ask('NewProxy', { user: ticket('owner', '_owner'), proxy_name: '_owner.ssh', proxy_type: 'stcp' });
    const events = await collector.deps.store.events({ worker: null, limit: 50 });
    expect(events.map(({ claimed }) => claimed)).toEqual([
      { user: '_owner', proxy: '_owner.ssh' },
      { user: '_egress', proxy: '_egress.loot' },
      { user: '_egress', proxy: '_egress.gold' },
      { user: '_egress', proxy: '_egress.loot' },
      { user: '_egress', proxy: '_egress.loot' },
    ]);
    expect(events[1]?.record.detail).toMatch(/^NewUserConn of _egress\.loot refused: not of \[\[frp\.egress/);
  });

  it('keeps an event under a known worker only, else under none, and few of them', async () => {
    const stranger = { user: 'rig-1', metas: { spotrig: `worker.k1.rig-1.9999999999.${'A'.repeat(43)}` }, run_id: '' };
    expect(await ask('Login', stranger)).toMatchObject({ reject: true });
    const hostile = `<b>\u202e${'x'.repeat(100)}`;
    expect(await ask('Login', { user: hostile, metas: null })).toMatchObject({ reject: true });
    expect(await details('rig-1')).toEqual([]);
    const [second, first] = await collector.deps.store.events({ worker: null, limit: 50 });
    expect(first).toMatchObject({ worker: null, claimed: { user: 'rig-1', proxy: null } });
    expect(second?.claimed).toEqual({ user: hostile.slice(0, 80), proxy: null });
    expect(second?.record.detail).toMatch(/^Login of <b>\?x+ refused: no ticket in metadatas/);
    for (let i = 0; i < 100; i++) await ask('Login', { user: `u${i}`, metas: null });
    expect((await collector.deps.store.events({ worker: null, limit: 500 })).length).toBeLessThan(25);
    await collector.report(envelope({ sentAt: collector.clock.nowMs() }));
    for (let i = 0; i < 100; i++) await ask('Login', stranger);
    expect((await details('rig-1')).length).toBeLessThan(20);
    // A stranger’s noise leaves room for what the worker itself did.
    for (let i = 0; i < 20; i++) await ask('Login', { ...userOf('rig-1'), user: 'rig-2' });
    expect((await details('rig-1')).filter((text) => text.includes('another’s'))).toHaveLength(2);
    expect(await details('rig-2')).toEqual([]);
    expect(Object.fromEntries(collector.deps.counters.entries())).toMatchObject({
      ...{ frp_refused_unknown_kid: 101, frp_refused_no_ticket: 101, frp_refused_foreign_user: 20 },
    });
  });
});

describe('/api/v1/workers/{id}/attach', () => {
  const exposed = [
    { name: 'ssh', type: 'stcp', local_port: 22, remote_port: null, state: 'up', reason: null },
    { name: 'web', type: 'tcp', local_port: 80, remote_port: 20_000, state: 'up', reason: null },
  ] as const;

  it('holds the keys that the worker made of the token it reports by', async () => {
    const path = '/api/v1/workers/rig-1/attach';
    const get = () => collector.get(path, { authorization: `Bearer ${collector.deps.own_token?.token ?? ''}` });
    for (const headers of [{}, { authorization: `Bearer ${collector.token()}` }]) {
      const refused = await collector.get(path, headers);
      expect([refused.statusCode, refused.json()]).toMatchObject([
        401,
        { error: 'admin_token_needed', message: expect.stringContaining(join(collector.dir, 'admin.token')) as string },
      ]);
    }
    const sentAt = collector.clock.nowMs();
    await collector.report(envelope({ sentAt }));
    expect((await get()).json()).toMatchObject({
      error: 'not_found',
      message: expect.stringContaining('SPOTRIG_FRP') as string,
    });
    const token = collector.token();
    await collector.report(
      envelope({ seq: 1, sentAt, records: [frpRecord(sentAt, { exposed: [...exposed] })] }),
      token,
    );
    (frp as { ca_file: string }).ca_file = join(collector.dir, 'ca.pem');
    expect((await get()).json()).toMatchObject({
      error: 'not_found',
      message: expect.stringContaining('ca.pem') as string,
    });
    writeFileSync(frp.ca_file, 'PEM');
    const answer = AttachAnswer.parse((await get()).json());
    const mac = parseToken(token)?.mac ?? '';
    expect(answer).toMatchObject({ worker: 'rig-1', frps: frp.addresses, ca_pem: 'PEM', user: '_owner' });
    expect(answer.services).toEqual([
      {
        name: 'ssh',
        type: 'stcp',
        state: 'up',
        secret_key: deriveSecret(mac, frpSecretLabel('ssh')),
        remote_port: null,
      },
      { name: 'web', type: 'tcp', state: 'up', secret_key: null, remote_port: 20_000 },
    ]);
    expect(await ask('Login', { user: '_owner', metas: { spotrig: answer.ticket } })).toEqual(PASS);
    const detail = (await collector.get('/api/v1/workers/rig-1')).json<{ frp: unknown }>();
    expect(detail.frp).toEqual(frpRecord(sentAt, { exposed: [...exposed] }));
  });
});
