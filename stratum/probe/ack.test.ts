import { createServer } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { addressBytes, kernelHex, parseAck, readAck } from './ack.ts';
import { connectTo, probeDeps } from './connection.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (local: string, remote: string, tx: string, retransmits: string): string =>
  `   1: ${local} ${remote} 01 ${tx}:00000000 01:00000014 ${retransmits}     0        0 4242 2 0000000000000000 20 4 30 10 -1`;
const TABLE = [
  HEAD,
  line('0100007F:0D05', '0100007F:C350', '00000011', '00000001'),
  line('0200007F:C350', '0AC63364:0D05', '00000039', '00000003'),
  line('0100007F:C350', '0100007F:0D05', '00000000', '00000000'),
].join('\n');

describe('parseAck', () => {
  it('finds the connection by both ports and the peer', () => {
    const question = { localPort: 0xc350, address: '100.51.198.10', port: 0x0d05 };
    expect(parseAck(TABLE, question)).toEqual({ tx_unacked_bytes: 0x39, retransmits: 3 });
    expect(parseAck(TABLE, { ...question, address: '127.0.0.1' })).toEqual({ tx_unacked_bytes: 0, retransmits: 0 });
  });

  it('knows nothing of a connection that is not there', () => {
    const unknown = { tx_unacked_bytes: null, retransmits: null };
    expect(parseAck(TABLE, { localPort: 1, address: '127.0.0.1', port: 0x0d05 })).toEqual(unknown);
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseAck(text, { localPort: 1, address: '127.0.0.1', port: 2 })).toEqual(unknown);
      }),
    );
  });

  it('spells addresses as the kernel does', () => {
    expect(kernelHex('127.0.0.1')).toBe('0100007F');
    expect(kernelHex('::1')).toBe('00000000000000000000000001000000');
    expect(kernelHex('2001:db8::2')).toBe('B80D0120000000000000000002000000');
    expect(addressBytes('::ffff:192.0.2.1').toString('hex')).toBe('00000000000000000000ffffc0000201');
  });
});

it('reads this machine’s own table', async () => {
  const server = createServer({ allowHalfOpen: false }, (socket) => socket.resume());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { connection } = await connectTo({ address: '127.0.0.1', port }, 1000, probeDeps(realClock));
  expect(await connection?.ack()).toEqual({ tx_unacked_bytes: 0, retransmits: 0 });
  await connection?.close(1000);
  expect(await readAck({ localPort: 1, address: '127.0.0.1', port })).toMatchObject({ tx_unacked_bytes: null });
  server.close();
});
