import { expect, it } from 'vitest';
import { rungsOf } from '../../stratum/frp-rungs.ts';
import { parseFrpUrl } from '../../stratum/frp-url.ts';
import { transportOf } from './transport.ts';

const KEY = `AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`;

function address(text: string) {
  const parsed = parseFrpUrl(text);
  if ('complaints' in parsed) throw new Error(parsed.complaints.join());
  return parsed.frps;
}

it('tries no rung without its option', () => {
  expect(rungsOf(address('frp://tun.example.org:443'))).toEqual(['tls', 'tls_classic']);
  expect(rungsOf(address('frp://192.0.2.1:443'))).toEqual(['tls', 'tls_classic']);
  const full = `frp://192.0.2.1:443?sni=a.example&other=b.example&wss=w.example:443&ssh=tun@s.example:22&hostkey=${KEY}&nomux=n.example:8444`;
  expect(rungsOf(address(full))).toHaveLength(7);
  expect(rungsOf(address(`${full}&rungs=ssh,tls`))).toEqual(['ssh', 'tls']);
});

it('gives each rung its place, name and environment', () => {
  const full = address(
    `frp://192.0.2.1:443?sni=a.example&other=b.example&wss=w.example:444&ssh=tun@s.example:22&hostkey=${KEY}&nomux=n.example:8444`,
  );
  const shown = rungsOf(full).map((rung) => {
    const found = transportOf(full, rung, '/ca.pem', { sshPort: 2001 });
    const { protocol, tcpMux, tls } = found?.transport ?? {};
    return [rung, found?.serverAddr, found?.serverPort, protocol, tcpMux, (tls as { serverName: string }).serverName];
  });
  expect(shown).toEqual([
    ['tls', '192.0.2.1', 443, 'tcp', true, 'a.example'],
    ['tls_classic', '192.0.2.1', 443, 'tcp', true, 'a.example'],
    ['tls_other_name', '192.0.2.1', 443, 'tcp', true, 'b.example'],
    ['tls_no_name', '192.0.2.1', 443, 'tcp', true, '192.0.2.1'],
    ['wss', 'w.example', 444, 'wss', true, 'w.example'],
    ['ssh', '127.0.0.1', 2001, 'tcp', true, 'a.example'],
    ['tls_no_mux', 'n.example', 8444, 'tcp', false, 'a.example'],
  ]);
  expect(transportOf(full, 'tls_classic', '/ca.pem')?.env).toEqual({ GODEBUG: 'tlsmlkem=0' });
  expect(transportOf(full, 'ssh', '/ca.pem')).toBeNull();
});
