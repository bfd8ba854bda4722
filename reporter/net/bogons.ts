import { BlockList, isIP } from 'node:net';

/** Tells addresses that no public name has. Throws TypeError for a range that is none. */
export function bogonTest(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [base = '', bits = ''] = range.split('/');
    const family = isIP(base);
    if (family === 0 || !/^\d{1,3}$/.test(bits)) throw new TypeError(`not an address range: ${range}`);
    list.addSubnet(base, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
  }
  return (address) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}
