import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../platform/ip-ranges.ts';
import { AsnFileError, AsnTable } from './asn-table.ts';
import { networkOf } from './network.ts';

function table(...lines: string[]): AsnTable {
  return new AsnTable([{ name: 'asn.csv', text: lines.join('\n') }]);
}

function asnOf(of: AsnTable, text: string): number | null {
  const address = parseIp(text);
  if (address === null) throw new Error(text);
  return of.lookUp(address)?.asn ?? null;
}

describe('a table of autonomous systems', () => {
  it('reads ranges and networks of both families, quoted or with tabs, and the names of columns', () => {
    const of = table(
      'start,end,asn,country,name',
      '1.0.0.0,1.0.0.255,13335,US,"CLOUDFLARENET, the name"',
      '"5.8.0.0","5.8.15.255","AS8359","ru","MTS"',
      '2.2.2.0\t2.2.2.255\t12389\tRU\tROSTELECOM',
      '2.2.3.0\t2.2.3.255\t0\tNone\tNot routed',
      '# a comment',
      '',
      '9.9.9.0/24,19281,"Quad9, no country"',
      '2a01:4f8::/32,24940,DE',
      '2001:67c::,2001:67c:ffff:ffff:ffff:ffff:ffff:ffff,64500,CH,x',
    );
    const asked = ['1.0.0.0', '1.0.0.255', '1.0.1.0', '5.8.9.1', '2.2.2.9', '2.2.3.9', '9.9.9.9', '::ffff:9.9.9.9'];
    expect(asked.map((text) => asnOf(of, text))).toEqual([13335, 13335, null, 8359, 12389, null, 19281, 19281]);
    expect([asnOf(of, '2a01:4f8:1::9'), asnOf(of, '2001:67c::1'), asnOf(of, '2001:67d::1')]).toEqual([
      24940,
      64500,
      null,
    ]);
    expect(of.lookUp({ family: 4, value: 0x05080001n })).toEqual({ asn: 8359, country: 'RU' });
    expect(of.lookUp({ family: 4, value: 0x09090901n })?.country).toBeNull();
  });

  it('holds the innermost of ranges that nest', () => {
    const of = table('10.0.0.0/8,1,AA', '10.1.0.0/16,2,BB', '10.1.2.0/24,3,CC', '10.2.0.0/16,4,DD', '11.0.0.0/8,5,EE');
    const asked = [
      '10.0.0.1',
      '10.1.0.1',
      '10.1.2.3',
      '10.1.3.1',
      '10.2.255.255',
      '10.3.0.0',
      '10.255.255.255',
      '11.1.1.1',
    ];
    expect(asked.map((text) => asnOf(of, text))).toEqual([1, 2, 3, 2, 4, 1, 1, 5]);
  });

  it('agrees with a search through all ranges, the smallest first', () => {
    const small = fc.record({
      base: fc.nat(255),
      prefix: fc.integer({ min: 24, max: 32 }),
      asn: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(small, {
          maxLength: 20,
          selector: (n) => `${(n.base >> (32 - n.prefix)) << (32 - n.prefix)}/${n.prefix}`,
        }),
        fc.nat(255),
        (list, asked) => {
          const networks = list.map((n) => ({ ...n, first: (n.base >> (32 - n.prefix)) << (32 - n.prefix) }));
          const of = table(...networks.map((n) => `192.0.2.${n.first}/${n.prefix},${n.asn},XX`));
          const inside = networks.filter((n) => asked >= n.first && asked < n.first + 2 ** (32 - n.prefix));
          const smallest = inside.toSorted((a, b) => b.prefix - a.prefix)[0]?.asn ?? null;
          expect(asnOf(of, `192.0.2.${asked}`)).toBe(smallest);
        },
      ),
    );
  });

  it('says which line is wrong', () => {
    for (const line of ['1.0.0.0,x,1,US', '1.0.0.9,1.0.0.1,1,US', '1.0.0.0/24,x,US', '1.0.0.0,::1,1,US', 'no line']) {
      expect(() => table('9.9.9.0/24,1,US', line), line).toThrow(
        new AsnFileError('asn.csv: line 2 is neither start,end,asn,country nor network,asn,country'),
      );
    }
  });
});

describe('a network', () => {
  it('is the AS where the table tells, else the prefix', () => {
    const of = table('5.8.0.0/16,8359,RU');
    expect(networkOf('::ffff:5.8.1.2', of)).toEqual({ address: '5.8.1.2', asn: 8359, country: 'RU', key: 'AS8359' });
    expect(networkOf('9.9.9.9', of)).toEqual({ address: '9.9.9.9', asn: null, country: null, key: '9.9.9.0/24' });
    expect(networkOf('2a01:4f8:1:2::3', null).key).toBe('2a01:4f8:1::/48');
    expect(networkOf('what', null)).toEqual({ address: null, asn: null, country: null, key: 'unknown' });
  });
});
