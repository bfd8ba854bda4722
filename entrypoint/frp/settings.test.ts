import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseFrpc, pinnedFrpc } from '../../miners/frpc.ts';
import { readExpose, readFrp, readFrpCa, readSshKey } from './settings.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('the settings of the way through frp', () => {
  it('reads what is exposed', () => {
    expect(readExpose('ssh:22,miner, jupyter:8888/stcp web:8080/tcp api:81/tcp=20022')).toEqual([
      { name: 'ssh', type: 'stcp', port: 22, remotePort: null },
      { name: 'miner', type: 'stcp', port: 'miner', remotePort: null },
      { name: 'jupyter', type: 'stcp', port: 8888, remotePort: null },
      { name: 'web', type: 'tcp', port: 8080, remotePort: null },
      { name: 'api', type: 'tcp', port: 81, remotePort: 20_022 },
    ]);
  });

  it.each([
    ['canary:1', 'spotrig’s own'],
    ['SSH:22', 'small letters'],
    ['ssh', 'name:port'],
    ['ssh:0', 'name:port'],
    ['ssh:22/udp', 'tcp or stcp'],
    ['ssh:22/stcp=1', '/tcp=port'],
    ['ssh:22/tcp=70000', '/tcp=port'],
    ['ssh:22,ssh:23', 'twice'],
    ['a:1/tcp=5,b:2/tcp=5', 'twice'],
    [Array.from({ length: 33 }, (_, i) => `a${i}:1`).join(), '33 services'],
  ])('refuses %s', (text, word) => {
    expect(readExpose(text)).toMatchObject({ wrong: expect.stringContaining(word) as string });
  });

  it('reads addresses, the authority and a key', () => {
    expect(readFrp('frp://:t0ken@a:1  frp://b:2#RU')).toMatchObject([{ token: 't0ken' }, { tags: ['RU'] }]);
    expect(readFrp('frp://a:1 frp://:s3cret@b')).toMatchObject({
      wrong: expect.stringContaining('number 2') as string,
    });
    expect(readFrp('frp://a:1 frp://:x@a:1')).toEqual({ wrong: 'names frp://a:1 twice' });
    const pem = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';
    expect(readFrpCa(base64(pem))).toEqual({ pem });
    expect(readFrpCa('/etc/ssl/ca.pem')).toEqual({ path: '/etc/ssl/ca.pem' });
    expect(readFrpCa('ca.pem')).toHaveProperty('wrong');
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----';
    expect(readSshKey(base64(key))).toBe(`${key}\n`);
    expect(readSshKey('short')).toHaveProperty('wrong');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const read of [readExpose, readFrp, readFrpCa, readSshKey, chooseFrpc]) read(text);
      }),
    );
  });

  it('chooses the program', () => {
    const release = {
      ...{ miner: 'frpc', version: '0.70.1', url: 'https://a/b', sha256: 'a'.repeat(64), size_bytes: 1 },
      ...{ unpacked_bytes: 1, archive: 'tar.gz' as const, member: 'frp_0.70.1_linux_amd64/frpc' },
    };
    expect(chooseFrpc('frpc@/opt/frpc')).toEqual({ from: 'path', path: '/opt/frpc' });
    expect(chooseFrpc('frpc', [release])).toEqual({ from: 'release', release });
    expect(chooseFrpc('frpc@0.70.1', [release])).toEqual({ from: 'release', release });
    expect(pinnedFrpc([release])).toEqual({ from: 'release', release });
    expect(pinnedFrpc([])).toBeNull();
    expect(chooseFrpc('frpc@0.1.0', [release])).toContain('only as 0.70.1');
    for (const wrong of ['frps', 'frpc@', '/opt/frpc']) expect(chooseFrpc(wrong)).toContain('must be frpc');
  });
});
