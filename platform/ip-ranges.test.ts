import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SPECIAL_RANGES, formatIp, isInRanges, parseCidr, parseIp, prefixOf, rangesOf, unmapped } from './ip-ranges.ts';

const special = rangesOf(SPECIAL_RANGES);

describe('addresses', () => {
  it('come back from their number, in the short form', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const address = parseIp(text);
        expect(address === null ? null : formatIp(address)).toBe(text);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = parseIp(text);
        if (address === null) throw new Error(text);
        const again = formatIp(address);
        expect(isIP(again)).toBe(6);
        expect(parseIp(again)).toEqual(address);
      }),
    );
    expect(formatIp({ family: 6, value: 1n })).toBe('::1');
    expect(formatIp({ family: 6, value: 0n })).toBe('::');
    expect(parseIp('2001:db8::10.0.0.1')).toEqual(parseIp('2001:db8::a00:1'));
  });

  it('are none where the text is none', () => {
    for (const text of ['', 'pool.example', '1.2.3', '256.1.1.1', '01.2.3.4', '::g', 'fe80::1%eth0', '1.2.3.4/8']) {
      expect(parseIp(text), text).toBeNull();
    }
  });

  it('lose the IPv6 coat of a socket of both families', () => {
    const plain = parseIp('192.0.2.7');
    const mapped = parseIp('::ffff:192.0.2.7');
    const other = parseIp('2001:db8::7');
    if (plain === null || mapped === null || other === null) throw new Error('no addresses');
    expect(unmapped(mapped)).toEqual(plain);
    expect(unmapped(other)).toEqual(other);
  });
});

describe('ranges', () => {
  it('are those of the engine', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(32), fc.ipV4(), (network, prefix, asked) => {
        const address = parseIp(network);
        if (address === null) throw new Error(network);
        const list = new BlockList();
        list.addSubnet(network, prefix, 'ipv4');
        expect(isInRanges([prefixOf(address, prefix)], asked)).toBe(list.check(asked, 'ipv4'));
      }),
    );
  });

  it('are written as networks, without bits behind the prefix', () => {
    for (const text of ['10.0.0.1/8', '10.0.0.0/33', '::1/64', '::/129', 'x', '10.0.0.0/', '10.0.0.0/8/8']) {
      expect(parseCidr(text), text).toBeNull();
    }
    expect(parseCidr('192.0.2.7')).toEqual(parseCidr('192.0.2.7/32'));
  });

  it.each([
    ...['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '0.0.0.0', '100.100.100.200', '169.254.169.254'],
    ...['192.0.0.192', '168.63.129.16', '224.0.0.1', '255.255.255.255', '198.51.100.1', '192.88.99.1', '198.19.0.1'],
    ...['::', '::1', '::ffff:8.8.8.8', '::ffff:127.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1', 'fe80::1'],
    ...['fd00:ec2::254', 'fc00::1', 'fec0::1', 'ff02::1', '2002:7f00:1::1', '2001:0:1::1', '2001:db8::1', '100::1'],
    ...['3fff::1', '5f00::1', 'not an address', '127.1', 'fe80::1%lo'],
  ])('special: %s', (text) => expect(isInRanges(special, text)).toBe(true));

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '168.63.129.17',
    '172.32.0.1',
    '2a01:4f8::1',
    '2606:4700::1111',
    '2001:4860:4860::8888',
  ])('public: %s', (text) => expect(isInRanges(special, text)).toBe(false));
});
