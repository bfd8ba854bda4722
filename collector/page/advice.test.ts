import { expect, it } from 'vitest';
import { machineRowOf } from '../../test/fakes/machines.ts';
import { findHosts, findMachines, formatPrice, isAdviceFilter } from './advice.ts';

const machines = [
  machineRowOf('rig-10', { advice: 'keep', clore_per_ths_day: 5 }),
  machineRowOf('rig-9', { advice: 'keep', clore_per_ths_day: 7 }),
  machineRowOf('rig-3', { advice: 'cancel', clore_per_ths_day: null, host: '82', server: 4711 }),
  machineRowOf('rig-4', { advice: 'watch' }),
];
const ids = (text: string, advice: 'all' | 'trouble' | 'keep') =>
  findMachines(machines, { text, advice }).map(({ worker }) => worker);

it('shows what is to be ended first, then the dearest', () => {
  expect(ids('', 'all')).toEqual(['rig-3', 'rig-4', 'rig-9', 'rig-10']);
  expect(ids('', 'trouble')).toEqual(['rig-3', 'rig-4']);
  expect(ids('', 'keep')).toEqual(['rig-9', 'rig-10']);
});

it('finds by server, host, promise and the words of verdicts', () => {
  expect(ids('4711', 'all')).toEqual(['rig-3']);
  expect(ids('host:82 cancel', 'all')).toEqual(['rig-3']);
  expect(ids('shares prove less', 'all')).toEqual(['rig-3', 'rig-4']);
  expect(ids('3070', 'all')).toHaveLength(4);
  expect(ids('no such', 'all')).toEqual([]);
  expect(ids('host:8', 'all')).toEqual([]);
});

it('shows hosts worst first', () => {
  const host = (name: string, advice: 'keep' | 'blacklist', bad: number) => ({
    host: name,
    advice,
    bad,
    judged: 4,
    workers: [`rig-${name}`],
  });
  const hosts = [host('1', 'keep', 0), host('2', 'blacklist', 2), host('3', 'blacklist', 3)];
  expect(findHosts(hosts, { text: '', advice: 'all' }).map((one) => one.host)).toEqual(['3', '2', '1']);
  expect(findHosts(hosts, { text: 'rig-2', advice: 'trouble' }).map((one) => one.host)).toEqual(['2']);
});

it('writes prices and knows its filters', () => {
  expect([formatPrice(null), formatPrice(0.012345), formatPrice(12_345.6)]).toEqual([null, '0.0123', '12,346']);
  expect([isAdviceFilter('trouble'), isAdviceFilter('cancel'), isAdviceFilter('toString')]).toEqual([
    true,
    true,
    false,
  ]);
});
