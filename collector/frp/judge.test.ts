import { describe, expect, it } from 'vitest';
import { egressKeyId } from '../../platform/derive.ts';
import { judgeEgress, judgeNewProxy } from './judge.ts';
import type { FrpHolder } from './tickets.ts';

const worker: FrpHolder = { role: 'worker', identity: { worker: 'rig-1', digest: '', expires_s: 1 } };
const egress_keys = ['newest', 'before'];
const config = {
  ports: { first: 20_000, last: 20_009 },
  max_proxies: 2,
  egress: [{ name: 'pool-a', target: { host: 'pool.example', port: 3333 } }],
};

function verdict(over: { name?: string; type?: string; port?: number; others?: number; noPorts?: boolean }) {
  return judgeNewProxy(
    worker,
    { user: 'rig-1', name: over.name ?? 'rig-1.ssh', type: over.type ?? 'stcp', remote_port: over.port ?? 0 },
    { config: over.noPorts === true ? { ...config, ports: null } : config, egress_keys, others: over.others ?? 0 },
  );
}

describe('a worker’s new proxy', () => {
  it('may be of type stcp under its own name, and of type tcp with a port of the range', () => {
    expect(verdict({})).toEqual({ allow: true });
    expect(verdict({ others: 1 })).toEqual({ allow: true });
    expect(verdict({ type: 'tcp' })).toEqual({ allow: 'with_port', service: 'ssh', port: null });
    expect(verdict({ type: 'tcp', port: 20_009 })).toEqual({ allow: 'with_port', service: 'ssh', port: 20_009 });
  });

  it('may always be the canary', () => {
    expect(verdict({ name: 'rig-1.canary', others: 99 })).toEqual({ allow: true });
    expect(verdict({ name: 'rig-1.canary', type: 'tcp' })).toMatchObject({ code: 'bad_type' });
  });

  it.each([
    ['foreign_name', { name: 'rig-2.ssh' }],
    ['foreign_name', { name: 'rig-1' }],
    ['foreign_name', { name: 'rig-10.ssh' }],
    ['foreign_name', { name: '_egress.pool-a-00000000' }],
    ['bad_name', { name: 'rig-1.' }],
    ['bad_name', { name: 'rig-1.a.b' }],
    ['bad_name', { name: 'rig-1.SSH' }],
    ['bad_type', { type: 'http' }],
    ['bad_type', { type: 'xtcp' }],
    ['bad_type', { type: '' }],
    ['too_many', { others: 2 }],
    ['no_ports', { type: 'tcp', noPorts: true }],
    ['port_out_of_range', { type: 'tcp', port: 22 }],
    ['port_out_of_range', { type: 'tcp', port: 20_010 }],
    ['port_out_of_range', { type: 'tcp', port: -1 }],
  ])('is refused: %s %o', (code, over) => expect(verdict(over)).toMatchObject({ allow: false, code }));
});

describe('the others', () => {
  const ask = { user: '_egress', type: 'stcp', remote_port: 0 };
  const world = { config, egress_keys, others: 0 };

  it('the owner exposes nothing', () => {
    const owner = { ...ask, user: '_owner', name: '_owner.ssh' };
    expect(judgeNewProxy({ role: 'owner' }, owner, world)).toMatchObject({ code: 'owner_exposes' });
  });

  it('the exporting frpc exports what is listed, under the two keys', () => {
    for (const key of egress_keys) {
      const name = `_egress.pool-a-${egressKeyId(key)}`;
      expect(judgeNewProxy({ role: 'egress' }, { ...ask, name }, world)).toEqual({ allow: true });
      expect(judgeNewProxy({ role: 'egress' }, { ...ask, name, type: 'tcp' }, world)).toMatchObject({
        code: 'bad_type',
      });
      expect(judgeEgress({ name, type: 'stcp' }, { config: { egress: [] }, egress_keys })).toMatchObject({
        code: 'unlisted_egress',
      });
    }
    for (const name of [`_egress.pool-a-${egressKeyId('older')}`, `_egress.pool-b-${egressKeyId('newest')}`]) {
      expect(judgeNewProxy({ role: 'egress' }, { ...ask, name }, world)).toMatchObject({ code: 'unlisted_egress' });
    }
    expect(judgeNewProxy({ role: 'egress' }, { ...ask, name: 'rig-1.ssh' }, world)).toMatchObject({
      code: 'foreign_name',
    });
  });
});
