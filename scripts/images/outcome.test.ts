import { describe, expect, it } from 'vitest';
import type { ImageReport } from '../image/report.ts';
import { outcomeTable, passes, pushRef, type BuiltImage } from './outcome.ts';

function built(name: string, change: Partial<ImageReport>): BuiltImage {
  const report: ImageReport = {
    ...{ source: name, tags: [], platform: 'linux/amd64', engine: null, limit_bytes: 300_000_000 },
    sizes: {
      ...{ classic_bytes: 233_940_000, buildkit_bytes: 233_900_000 },
      ...{ podman_bytes: 238_000_000, containerd_bytes: 340_000_000 },
    },
    ...{ headroom_bytes: 66_060_000, verdict: 'ok', layers: [], waste: null, biggest: [], advice: [] },
    ...{ warnings: [], notes: [], faults: [] },
    ...change,
  };
  return { name, ref: `spotrig-${name}:0.1.0`, digest: null, report };
}

describe('the outcome of a build', () => {
  it('lets images pass that are checked and fit, with a warning or without', () => {
    expect(
      (['ok', 'warn', 'over', 'unreadable'] as const).map((verdict) => passes(built('worker', { verdict }))),
    ).toEqual([true, true, false, false]);
  });

  it('is one table, and below it what the check says', () => {
    const over = built('nvidia', {
      ...{ verdict: 'over', headroom_bytes: -1, advice: [{ text: 'drop the archive', saves_bytes: 5 }] },
    });
    const unread = built('debug', {
      ...{
        verdict: 'unreadable',
        sizes: null,
        headroom_bytes: null,
        faults: [{ code: 'x', text: 'a blob is missing' }],
      },
    });
    expect(outcomeTable([built('worker', {}), over, unread]).split('\n')).toEqual([
      'image   classic MB  limit  headroom  podman  containerd  layers  verdict',
      'worker       233.9  300.0      66.1   238.0       340.0       0  ok',
      'nvidia       233.9  300.0      -0.0   238.0       340.0       0  over',
      'debug            -  300.0         -       -           -       0  unreadable',
      'nvidia: to save: drop the archive',
      'debug: a blob is missing',
    ]);
  });

  it('names what is pushed by the prefix', () => {
    expect(pushRef('docker.io/me/spotrig', 'cpu', '0.1.0')).toBe('docker.io/me/spotrig-cpu:0.1.0');
  });
});
