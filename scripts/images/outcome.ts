// What came of a build of images: the table, and whether anything may be pushed. Pure.
import type { ImageReport } from '../image/report.ts';

export interface BuiltImage {
  readonly name: string;
  /** The local name with its tag. */
  readonly ref: string;
  /** Of the manifest; null where the builder's digest says nothing (docker's depends on its clock). */
  readonly digest: string | null;
  readonly report: ImageReport;
}

/** Whether the size check lets this image pass; a warning does not stop it. */
export function passes({ report }: BuiltImage): boolean {
  return report.verdict === 'ok' || report.verdict === 'warn';
}

/** One line for each image, then what the check had to say. */
export function outcomeTable(images: readonly BuiltImage[]): string {
  const rows = images.map(({ name, report }) => [
    name,
    megabytes(report.sizes?.classic_bytes),
    megabytes(report.limit_bytes),
    megabytes(report.headroom_bytes),
    megabytes(report.sizes?.podman_bytes),
    megabytes(report.sizes?.containerd_bytes),
    String(report.layers.length),
    report.verdict,
  ]);
  const head = ['image', 'classic MB', 'limit', 'headroom', 'podman', 'containerd', 'layers', 'verdict'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const lines = [head, ...rows].map((row) =>
    row.map((cell, i) =>
      i === 0 || i === row.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    ),
  );
  return [...lines.map((cells) => cells.join('  ').trimEnd()), ...images.flatMap(remarks)].join('\n');
}

function remarks({ name, report }: BuiltImage): string[] {
  const said = [...report.faults, ...report.warnings].map(({ text }) => `${name}: ${text}`);
  const advice = report.verdict === 'over' ? report.advice.map(({ text }) => `${name}: to save: ${text}`) : [];
  return [...said, ...advice];
}

/** 10^6 bytes, one decimal; a dash for what is not known. */
function megabytes(bytes: number | null | undefined): string {
  return bytes === null || bytes === undefined ? '-' : (bytes / 1e6).toFixed(1);
}

/** Where an image is pushed: `docker.io/me/spotrig` and `worker` make `docker.io/me/spotrig-worker:0.1.0`. */
export function pushRef(prefix: string, name: string, version: string): string {
  return `${prefix}-${name}:${version}`;
}
