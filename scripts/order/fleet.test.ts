import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelKey, parseFleet } from './fleet.ts';

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../docs/fleet.toml.example'), 'utf8');
/** The example with every optional key written out. */
const WHOLE = EXAMPLE.replaceAll(/^#= /gm, '');

const SMALL = {
  ...{ name: 'small', profile: 'ubuntu', pools: ['stratum+tcp://pool.example.org:1'] },
  env: { DELEGATED_ENTRYPOINT: 'https://c.example.org/entrypoint.sh' },
  ...{ bid: { rule: 'fixed', per_gpu: 1 }, gpu: { 'RTX 3070': { pl: 120 } } },
};

function complaintsOf(change: object): string {
  const read = parseFleet(JSON.stringify({ ...SMALL, ...change }));
  return 'complaints' in read ? read.complaints.join('\n') : 'none';
}

describe('a fleet file', () => {
  it('is read as TOML and as JSON', () => {
    expect(parseFleet(EXAMPLE)).toHaveProperty('fleet.name', 'kawpow-ru');
    expect(complaintsOf({})).toBe('none');
  });

  it('has in its example the defaults that the schema has', () => {
    // The others are of another profile, or show what an optional key looks like.
    const defaults = /^#= (?=(?:worker|token_days|oc_outside|max_gpus|unit|orders) = )/gm;
    expect(EXAMPLE.match(defaults)).toHaveLength(6);
    expect(parseFleet(EXAMPLE.replaceAll(defaults, ''))).toEqual(parseFleet(EXAMPLE));
  });

  it('knows every key of its example', () => {
    const ccr = WHOLE.replace('profile = "ubuntu"', 'profile = "ccr"').replace(/^rigs = .*\n/m, '');
    expect(parseFleet(ccr)).toHaveProperty('fleet.image', 'worker');
    const text = WHOLE.replace('profile = "ubuntu"', 'profile = "hiveos"')
      .replace(/^\[image_env\]\n.*\n/m, '')
      .replace(/^image = .*\n/m, '')
      .replace(/^pools = \[[^\]]*\]/m, '');
    expect(parseFleet(text)).toHaveProperty('fleet.rigs', 'rigs.csv');
  });

  it('counts KZ as RU', () => {
    const read = parseFleet(EXAMPLE);
    expect('fleet' in read && read.fleet.filter.countries).toEqual(['RU', 'RU']);
  });

  it.each([
    ['no name', { name: 'No Name' }, /^name: /],
    ['a key that it does not know', { colour: 'red' }, /colour/],
    ['an image of another profile', { image: '0'.repeat(24) }, /^image: the profile ubuntu has its own/],
    ['no entrypoint', { env: {} }, /^env.DELEGATED_ENTRYPOINT: /],
    ['a variable that is made', { env: { ...SMALL.env, SPOTRIG_TOKEN: 'x' } }, /^env.SPOTRIG_TOKEN: leave it out/],
    ['a number in env', { env: { ...SMALL.env, SPOTRIG_LOG: 3 } }, /^env.SPOTRIG_LOG: /],
    ['a worker without the server', { worker: 'rig' }, /^worker: must hold \{server\}/],
    ['a worker in capitals', { worker: 'Rig-{server}' }, /^worker: makes names other than/],
    ['no pl', { gpu: { 'RTX 3070': {} } }, /^gpu.RTX 3070.pl: /],
    ['a fractional clock', { gpu: { 'RTX 3070': { pl: 120, core_lock: 1.5 } } }, /^gpu.RTX 3070.core_lock: /],
    ['one model twice', { gpu: { 'RTX 3070': { pl: 1 }, 'GeForce RTX  3070': { pl: 2 } } }, /there twice/],
    ['no bid', { bid: { rule: 'fixed' } }, /^gpu.RTX 3070.bid: /],
    ['no end of outbidding', { bid: { rule: 'outbid', per_gpu: 1 } }, /^gpu.RTX 3070.max: /],
    ['a pool that is none', { pools: ['pool.example.org'] }, /^pools\[0\]: /],
    ['a list of rigs', { rigs: 'rigs.csv' }, /^rigs: only the profile hiveos/],
  ])('with %s is refused, and says where', (_name, change, complaint) => {
    expect(complaintsOf(change)).toMatch(complaint);
  });

  it('that is no TOML is told with its line', () => {
    const read = parseFleet('name = \n[bid');
    expect('complaints' in read && read.complaints[0]).toMatch(/1:/);
  });
});

it('a model is the same with and without the maker’s marks', () => {
  expect(modelKey('NVIDIA GeForce RTX 3070')).toBe(modelKey('rtx 3070'));
  expect(modelKey('RTX 3070 Ti')).not.toBe(modelKey('RTX 3070'));
});
