// The host's facts as lines for people. The API hands them on as stored, so every field is checked before it is shown.
import { formatBytes } from './format.ts';

export interface Fact {
  label: string;
  value: string;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function bytes(value: unknown): string | null {
  return typeof value === 'number' ? formatBytes(value) : null;
}

function joined(...parts: (string | null)[]): string | null {
  const known = parts.filter((part) => part !== null);
  return known.length === 0 ? null : known.join(' · ');
}

/** `4 × RTX 3070, 1 × RTX 3060`; null = not told. */
function gpuModels(gpus: unknown): string | null {
  if (!Array.isArray(gpus)) return null;
  if (gpus.length === 0) return 'none seen';
  const counts = new Map<string, number>();
  for (const gpu of gpus as unknown[]) {
    const model = typeof gpu === 'object' && gpu !== null && 'model' in gpu ? text(gpu.model) : null;
    counts.set(model ?? 'unknown', (counts.get(model ?? 'unknown') ?? 0) + 1);
  }
  return [...counts].map(([model, count]) => `${count} × ${model}`).join(', ');
}

/** The facts that are known, in a fixed order. */
export function hostFacts(host: Record<string, unknown> | null): Fact[] {
  if (host === null) return [];
  const cores = typeof host['cpu_cores'] === 'number' ? `${host['cpu_cores']} cores` : null;
  const lines: [string, string | null][] = [
    ['GPUs', gpuModels(host['gpus'])],
    ['Expected', text(host['expect'])],
    ['Market server', joined(text(host['server']), text(host['country']))],
    ['Driver', text(host['driver_version'])],
    ['CUDA', text(host['cuda_version'])],
    ['CPU', joined(text(host['cpu_model']), cores)],
    ['Memory', bytes(host['memory_bytes'])],
    ['Free disk', bytes(host['disk_free_bytes'])],
    ['System', joined(text(host['os']), text(host['arch']))],
    ['Kernel', text(host['kernel'])],
    ['spotrig', joined(text(host['release']), text(host['payload_sha256'])?.slice(0, 12) ?? null)],
  ];
  return lines.flatMap(([label, value]) => (value === null ? [] : [{ label, value }]));
}
