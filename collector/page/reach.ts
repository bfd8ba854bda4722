// How a worker is reached through frp, as words for the page. Nothing of it is secret: keys and tickets come by `spotrig connect`.
import type { ExposedService, FrpRecord } from '../../wire/frp.ts';
import { formatAge, formatBytes, formatMs } from './format.ts';

/** The tunnel itself, what is known of it. */
export function tunnelFacts(frp: FrpRecord, now_ms: number): { label: string; value: string }[] {
  const states = { up: 'up', connecting: 'connecting', down: 'down, trying again soon' } as const;
  const canary =
    frp.canary_bytes === null ? null : `${formatBytes(frp.canary_bytes)} there and back in ${formatMs(frp.canary_ms)}`;
  const lines: [string, string | null][] = [
    ['Tunnel', `${states[frp.state]}, told ${formatAge(Math.max(0, now_ms - frp.at_ms))} ago`],
    ['frps', frp.frps],
    ['Rung', frp.rung?.replaceAll('_', ' ') ?? null],
    ['Found in', frp.found_ms === null ? null : formatMs(frp.found_ms)],
    ['Canary', canary],
  ];
  return lines.flatMap(([label, value]) => (value === null ? [] : [{ label, value }]));
}

/** What to type, or where to go: `npx spotrig connect rig-1 ssh`, `tun.example:20000`; null: there is no way yet. */
export function wayTo(worker: string, service: ExposedService, frps: string | null): string | null {
  if (service.type === 'stcp') return `npx spotrig connect ${worker} ${service.name}`;
  const host = frps === null ? null : hostOf(frps);
  return service.remote_port === null || host === null ? null : `${host}:${service.remote_port}`;
}

function hostOf(frps: string): string | null {
  return /^frp:\/\/(.+):[0-9]{1,5}$/.exec(frps)?.[1] ?? null;
}
