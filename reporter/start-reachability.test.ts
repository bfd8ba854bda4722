import { describe, expect, it } from 'vitest';
import { poolTarget } from '../test/fakes/reachability.ts';
import { isPractice } from './start-reachability.ts';

const at = (...hosts: string[]) => hosts.map((host) => ({ target: poolTarget(host, 3333) }));

describe('isPractice', () => {
  it('is only what lives wholly on this machine', () => {
    expect(isPractice(at('127.0.0.1', '127.77.0.9', '::1', 'localhost'))).toBe(true);
    expect(isPractice(at('127.0.0.1', 'pool.example'))).toBe(false);
    expect(isPractice(at('127.0.0.1', '192.168.1.5'))).toBe(false);
    expect(isPractice(at('localhost.example'))).toBe(false);
  });
});
