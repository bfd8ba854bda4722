import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { parseFrpUrl } from '../../stratum/frp-url.ts';
import { changingPart, commonPart, frpcToml } from './config.ts';
import { transportOf } from './transport.ts';

const read = parseFrpUrl('frp://:t@tun.example.org:443');
const way = 'frps' in read ? transportOf(read.frps, 'tls', '/ca.pem') : null;
if (way === null) throw new Error('no way');
const common = { way, user: 'rig-1', ticket: 'worker.k1.rig-1.1.x', admin: { port: 7400, password: 'pw' } };

describe('frpc.toml', () => {
  it('verifies frps, keeps the token out, and has the canary both ways', () => {
    const changing = changingPart({
      canary: { echoPort: 1, visitorPort: 2, secretKey: 'ck', asked: 0 },
      services: [
        { name: 'ssh', type: 'stcp', localPort: 22, remotePort: null, secretKey: 'k"\n[x]', asked: 0 },
        { name: 'web', type: 'tcp', localPort: 80, remotePort: null, secretKey: 'k', asked: 2 },
      ],
      egress: [{ name: 'pool-a', serverName: 'pool-a-01234567', secretKey: 'ek', port: 3 }],
    });
    const text = frpcToml(commonPart({ ...common, tokenPath: '/run/token' }), changing);
    expect(parse(text)).toMatchObject({
      ...{ serverAddr: 'tun.example.org', user: 'rig-1', loginFailExit: true, metadatas: { spotrig: common.ticket } },
      auth: { method: 'token', tokenSource: { type: 'file', file: { path: '/run/token' } } },
      transport: { tls: { trustedCaFile: '/ca.pem', serverName: 'tun.example.org' } },
      webServer: { addr: '127.0.0.1', port: 7400, user: 'spotrig', password: 'pw' },
      proxies: [
        { name: 'canary', type: 'stcp', localPort: 1, secretKey: 'ck' },
        { name: 'ssh', type: 'stcp', secretKey: 'k"\n[x]', allowUsers: ['_owner'] },
        { name: 'web', type: 'tcp', remotePort: 0, annotations: { asked: '2' } },
      ],
      visitors: [
        { name: 'canary', serverName: 'canary', bindPort: 2 },
        { name: '_egress-pool-a', serverUser: '_egress', serverName: 'pool-a-01234567', secretKey: 'ek', bindPort: 3 },
      ],
    });
    expect(text).not.toContain('allowUsers = [ "*" ]');
  });

  it('has no token where frps has none, and refuses what frpc would take for a template', () => {
    const nothing = changingPart({
      canary: { echoPort: 1, visitorPort: 2, secretKey: 'c', asked: 0 },
      services: [],
      egress: [],
    });
    expect(frpcToml(commonPart({ ...common, tokenPath: null }), nothing)).not.toContain('tokenSource');
    expect(() => frpcToml(commonPart({ ...common, tokenPath: '/{{x}}/token' }), nothing)).toThrow('{{');
  });
});
