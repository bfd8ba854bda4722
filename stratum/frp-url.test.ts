import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFrpUrl } from './frp-url.ts';

const KEY = `AAAAC3NzaC1lZDI1NTE5AAAAI${'b'.repeat(43)}`;

describe('the address of an frps', () => {
  it('is taken apart', () => {
    const text = `frp://:to%40ken@Tun.example.org:443?other=a.example,b.example&wss=www.example.org:443&ssh=tunnel@ssh.example.org:22&hostkey=${KEY}&nomux=tun.example.org:8444&rungs=wss,tls#kz`;
    expect(parseFrpUrl(text)).toEqual({
      frps: {
        host: 'tun.example.org',
        port: 443,
        token: 'to@ken',
        sni: 'tun.example.org',
        otherNames: ['a.example', 'b.example'],
        wss: { host: 'www.example.org', port: 443 },
        ssh: { login: 'tunnel', host: 'ssh.example.org', port: 22, hostKey: KEY, to: 7000 },
        noMux: { host: 'tun.example.org', port: 8444 },
        rungs: ['wss', 'tls'],
        tags: ['RU'],
        url: 'frp://tun.example.org:443',
      },
    });
  });

  it('may be bare: an address sends no name, and there is no token', () => {
    const read = parseFrpUrl('frp://[2001:db8::1]:7000');
    expect(read).toMatchObject({
      frps: { host: '2001:db8::1', sni: null, token: null, url: 'frp://[2001:db8::1]:7000' },
    });
    expect(parseFrpUrl('frp://192.0.2.1:7000?sni=tun.example.org')).toMatchObject({ frps: { sni: 'tun.example.org' } });
  });

  it('says where frps is behind its sshd', () => {
    const read = parseFrpUrl(`frp://a:1?ssh=me@b:22&hostkey=${KEY}&sshto=7443&rungs=ssh`);
    expect(read).toMatchObject({ frps: { ssh: { to: 7443 }, rungs: ['ssh'] } });
  });

  it.each([
    ['http://a:1', 'must look like'],
    ['frp://a', 'the port'],
    ['frp://:@a:1', 'token'],
    ['frp://user:x@a:1', 'token'],
    ['frp://a:1?snj=x', 'unknown'],
    ['frp://a:1?sni=1.2.3.4', 'sni'],
    ['frp://a:1?other=a,,b', 'other'],
    ['frp://a:1?wss=b', 'wss'],
    ['frp://a:1?ssh=b:22', 'ssh'],
    ['frp://a:1?ssh=me@b:22&hostkey=x', 'hostkey'],
    [`frp://a:1?ssh=-oProxyCommand%3Dx@b:22&hostkey=${KEY}`, 'ssh'],
    ['frp://a:1?rungs=tls,quic', 'rungs'],
    ['frp://a:1#Russia', 'tags'],
    ['frp://a:1?rungs=tls_no_name', 'leaves no way: tls_no_name needs an IP address in place of the host name'],
    ['frp://1.2.3.4:1?rungs=tls_no_name', 'with the option sni'],
    ['frp://a:1?rungs=wss,ssh', 'wss needs the option wss, ssh needs the options ssh and hostkey'],
    [`frp://a:1?ssh=me@b:22&hostkey=${KEY}&sshto=0`, 'sshto'],
    ['frp://a:1?sshto=7001', 'ssh'],
  ])('%s: says what is wrong', (text, word) => {
    const read = parseFrpUrl(text);
    expect('complaints' in read ? read.complaints.join('; ') : '').toContain(word);
  });

  it('never throws, and repeats no secret', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('frp://:', 'frp://', ''), (text, head) => {
        parseFrpUrl(head + text);
        const read = parseFrpUrl(`frp://:s3cr3tw0rd@a:1?${text}&x`);
        if ('complaints' in read) expect(read.complaints.join()).not.toContain('s3cr3tw0rd');
      }),
    );
  });
});
