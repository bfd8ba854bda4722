// A report for people.
import { shown } from './fault.ts';
import type { ImageReport } from './report.ts';

const VERDICT_WORDS = {
  ok: 'ok',
  warn: 'ok, with warnings',
  over: 'OVER THE LIMIT',
  unreadable: 'UNREADABLE',
} as const;
const MADE_BY_CHARS = 70;
const BIGGEST_SHOWN = 10;

/** Several lines, without one at the end. */
export function reportText(report: ImageReport): string {
  const { source, tags, platform, engine } = report;
  const others = tags.filter((tag) => tag !== source).map(shown);
  const from = engine === null ? [] : [`${shown(engine.name)} with ${shown(engine.driver)} (${engine.store})`];
  const head = [
    source === '-' ? 'standard input' : source,
    ...others,
    ...(platform === null ? [] : [platform]),
    ...from,
  ];
  const faults = report.faults.map(({ code, text }) => `  ${code}: ${text}`);
  const parts = [[head.join('  '), `  ${VERDICT_WORDS[report.verdict]}`, ...faults]];
  if (report.sizes !== null) {
    parts.push(sizeLines(report), layerLines(report), wasteLines(report), biggestLines(report), adviceLines(report));
    parts.push(
      report.warnings.map(({ text }) => `  warning: ${text}`),
      report.notes.map((note) => `  note: ${note}`),
    );
  }
  return parts.flatMap((lines) => (lines.length === 0 ? [] : [lines.join('\n')])).join('\n\n');
}

function sizeLines({ sizes, limit_bytes, headroom_bytes }: ImageReport): string[] {
  if (sizes === null || headroom_bytes === null) return [];
  const left = headroom_bytes < 0 ? `${count(-headroom_bytes)} too many` : `${count(headroom_bytes)} left`;
  return columns(
    [
      [
        'classic',
        count(sizes.classic_bytes),
        `bytes, as docker image ls counts and CCR limits to ${count(limit_bytes)}: ${left}`,
      ],
      ['podman', count(sizes.podman_bytes), 'as podman and buildah count'],
      ['containerd', count(sizes.containerd_bytes), 'disk usage in containerd’s store, an estimate'],
    ],
    'lrl',
  );
}

function layerLines({ layers }: ImageReport): string[] {
  const rows = layers.map((layer) => [
    ...[
      `${layer.index}`,
      count(layer.classic_bytes),
      count(layer.stored_bytes),
      layer.compression,
      count(layer.entries),
    ],
    short(layer.created_by ?? '?'),
  ]);
  return columns([['layer', 'classic', 'stored', '', 'entries', 'made by'], ...rows], 'rrrlrl');
}

/** An instruction without the shell around it that all of them have. */
function short(instruction: string): string {
  const plain = instruction.replace(/^\/bin\/sh -c (?:#\(nop\) +)?/, '').replaceAll(/\s+/g, ' ');
  const text = shown(plain);
  return text.length > MADE_BY_CHARS ? `${text.slice(0, MADE_BY_CHARS - 1)}…` : text;
}

function wasteLines({ waste }: ImageReport): string[] {
  if (waste === null) return [];
  const { deleted_bytes, overwritten_bytes, duplicated_bytes } = waste;
  const total = deleted_bytes + overwritten_bytes + duplicated_bytes;
  if (total === 0) return ['  no waste'];
  const kinds = `${count(deleted_bytes)} deleted, ${count(overwritten_bytes)} overwritten, ${count(duplicated_bytes)} there twice`;
  const rows = waste.biggest
    .slice(0, BIGGEST_SHOWN)
    .map(({ kind, path, bytes, layer, by_layer }) => [
      ...[count(bytes), kind, layer === by_layer ? `layer ${layer}` : `layer ${layer} by ${by_layer}`, shown(path)],
    ]);
  return [`  waste ${count(total)} bytes: ${kinds}`, ...columns(rows, 'rlll')];
}

function biggestLines({ biggest }: ImageReport): string[] {
  const rows = biggest
    .slice(0, BIGGEST_SHOWN)
    .map(({ path, bytes, layer }) => [count(bytes), `layer ${layer}`, shown(path)]);
  return rows.length === 0 ? [] : ['  biggest files', ...columns(rows, 'rll')];
}

function adviceLines({ advice, headroom_bytes }: ImageReport): string[] {
  if (advice.length === 0) return [];
  const title = (headroom_bytes ?? 0) < 0 ? 'to cut' : 'would save';
  return [
    `  ${title}`,
    ...columns(
      advice.map(({ text, saves_bytes }) => [count(saves_bytes), text]),
      'rl',
    ),
  ];
}

/** Rows as aligned lines; `sides` has r for each column whose text goes to the right. */
function columns(rows: readonly (readonly string[])[], sides: string): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, column) =>
      sides[column] === 'r' ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
    return `  ${cells.join('  ')}`.trimEnd();
  });
}

/** Digits in groups: 600,000,000. */
function count(n: number): string {
  return String(n).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}
