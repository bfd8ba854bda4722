import { expect, it } from 'vitest';
import { minerEnvironment } from './miner-env.ts';

it('passes on what a miner needs and nothing of ours', () => {
  const own = {
    PATH: '/bin',
    SPOTRIG_TOKEN: 'sr1.secret',
    SSH_PASSWORD: 'x',
    NVIDIA_VISIBLE_DEVICES: 'all',
    HOME: '/root',
  };
  expect(minerEnvironment(own, { A: '1' }, null)).toEqual({
    PATH: '/bin',
    NVIDIA_VISIBLE_DEVICES: 'all',
    HOME: '/root',
    A: '1',
  });
});

it('puts the library folder first', () => {
  expect(minerEnvironment({ LD_LIBRARY_PATH: '/b' }, {}, '/a')['LD_LIBRARY_PATH']).toBe('/a:/b');
  expect(minerEnvironment({}, {}, '/a')['LD_LIBRARY_PATH']).toBe('/a');
});
