import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { reachSsh, reachTls } from './reach.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** Greets like this, and says no more. */
async function greeter(words: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined).end(words));
  cleanups.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('reaching an frps', () => {
  it('knows an sshd by its first line', async () => {
    const of = async (words: string) => (await reachSsh({ host: '127.0.0.1', port: await greeter(words) })).fault;
    expect(await of('SSH-2.0-OpenSSH_9.6\r\n')).toBeNull();
    expect(await of('220 mail\r\n')).toBe('ssh');
    expect(await of('')).toBe('ssh');
  });

  it('tells what is no TLS from what is not there', async () => {
    const of = async (port: number) => reachTls({ host: '127.0.0.1', port, names: ['a.test'], ca_pem: '' });
    expect(await of(await greeter('220 mail\r\n'))).toMatchObject({ fault: 'tls', tls_ms: null });
    expect(await of(1)).toMatchObject({ fault: 'tcp', detail: 'ECONNREFUSED', connect_ms: null });
  });
});
