// The tunnel as the owner sees it: FrpRecord, and what changed since the last one.
import { DETAIL_MAX_CHARS } from '../../wire/limits.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import type { LifecycleInput } from '../../wire/records.ts';
import type { ProxyStatus } from './frpc.ts';
import type { ExposeSetting } from './settings.ts';

type Exposed = FrpRecord['exposed'][number];

/** frps still holds the name for a session that is gone. */
export const isNameHeld = (err: string): boolean => /already exists/i.test(err);

/** Each service by frpc's word. `proxies` null: frpc does not answer, or there is none. */
export function exposedOf(
  services: readonly ExposeSetting[],
  proxies: readonly ProxyStatus[] | null,
  worker: string,
  localPort: (service: ExposeSetting) => number | null,
): Exposed[] {
  return services.map((service) => {
    const { name, type, remotePort } = service;
    const proxy = proxies?.find((one) => one.name === name || one.name === `${worker}.${name}`);
    const isUp = proxy?.status === 'running';
    const isRefused = proxy?.status === 'start error';
    return {
      ...{ name, type, local_port: localPort(service) },
      remote_port: type === 'tcp' ? (isUp ? portOf(proxy.remote_addr) : remotePort) : null,
      state: isUp ? 'up' : isRefused && !isNameHeld(proxy.err) ? 'refused' : 'waiting',
      reason: isRefused ? proxy.err.slice(0, DETAIL_MAX_CHARS) : null,
    };
  });
}

function portOf(remoteAddress: string): number | null {
  const port = Number(/:(\d{1,5})$/.exec(remoteAddress)?.[1] ?? '0');
  return port > 0 ? port : null;
}

/** What the owner is told of the services: each when it is reachable, and when frps refuses it, once. */
export function newsOf(before: readonly Exposed[], now: readonly Exposed[]): LifecycleInput[] {
  return now.flatMap((service): LifecycleInput[] => {
    const { name, type, state, remote_port, reason } = service;
    const old = before.find((one) => one.name === name);
    if (old?.state === state && old.reason === reason && old.remote_port === remote_port) return [];
    if (state === 'up') {
      const where = type === 'tcp' ? `at frps’s port ${remote_port ?? 'unknown'}` : 'by npx spotrig connect';
      return [{ event: 'frp_exposed', level: 'info', detail: `${name} is reachable ${where}` }];
    }
    if (state !== 'refused') return [];
    return [{ event: 'frp_refused', level: 'warn', detail: `frps refuses ${name}: ${reason ?? 'no reason'}` }];
  });
}
