import { describe, expect, it } from 'vitest';
import { FlagError, parseMinerFlags } from './miner-flags.ts';

const TREX_LINE =
  '-a sha256d -o stratum+tcp://127.0.0.1:3333 -u WALLET -w rig1 -p x --api-bind-http 127.0.0.1:4444 --api-read-only ' +
  '--no-watchdog --no-color --no-new-block-info -N 30 --gpu-report-interval 60';

describe('practice miner flags', () => {
  it("reads t-rex's supervised command line and lets the rest pass", () => {
    expect(parseMinerFlags(TREX_LINE.split(' '), {})).toMatchObject({
      algo: 'sha256d',
      dialect: 'bitcoin',
      host: '127.0.0.1',
      port: 3333,
      login: 'WALLET.rig1',
      pass: 'x',
      api: { host: '127.0.0.1', port: 4444 },
      averageWindow_s: 30,
      throttle_hs: 150_000,
      catchUpMs: 100,
      inflate: 1,
    });
  });

  it('takes its own settings from the environment, and a flag before that', () => {
    const env = { PRACTICE_THROTTLE_HS: '1000', PRACTICE_INFLATE: '3', PRACTICE_API: 'hang' };
    const flags = parseMinerFlags([...TREX_LINE.split(' '), '--practice-throttle-hs', '2000'], env);
    expect(flags).toMatchObject({ throttle_hs: 2000, inflate: 3, apiMode: 'hang' });
  });

  it('uses the first of several pools and the last of any other flag', () => {
    const argv = `${TREX_LINE} -o stratum+tcp://127.0.0.2:1 -u OTHER -p y -N 5`.split(' ');
    expect(parseMinerFlags(argv, {})).toMatchObject({ port: 3333, user: 'WALLET', pass: 'x', averageWindow_s: 5 });
  });

  it.each([
    [['-u', 'W'], /-o/],
    [['-o', 'stratum+ssl://h:1', '-u', 'W'], /-o/],
    [['-o', 'stratum+tcp://h:99999', '-u', 'W'], /-o/],
    [['-o', 'stratum+tcp://h:1'], /-u/],
    [['-o', 'stratum+tcp://h:1', '-u'], /-u needs a value/],
    [['-o', 'stratum+tcp://h:1', '-u', 'W', '--practice-inflate', 'much'], /--practice-inflate/],
    [['-o', 'stratum+tcp://h:1', '-u', 'W', '--practice-api', 'odd'], /--practice-api/],
  ])('refuses %j and names the flag', (argv, message) => {
    expect(() => parseMinerFlags(argv, {})).toThrow(FlagError);
    expect(() => parseMinerFlags(argv, {})).toThrow(message);
  });
});
