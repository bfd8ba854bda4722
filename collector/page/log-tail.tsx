// A worker's newest log lines. The reader's place is kept; only who stands at the end is taken along.
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { WorkerDetail } from '../../wire/api.ts';
import { formatClock } from './format.ts';

type Line = WorkerDetail['log'][number];

/** Lines have no number of their own: time, source and the count of equals before it name one over refreshes. */
function withKeys(lines: readonly Line[]): { key: string; line: Line }[] {
  const seen = new Map<string, number>();
  return lines.map((line) => {
    const name = `${line.at} ${line.source}`;
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    return { key: `${name} ${nth}`, line };
  });
}

/** Log lines, oldest first. Their text is a worker's: it is only ever a text node. */
export function LogTail({ lines }: { lines: readonly Line[] }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);

  useLayoutEffect(() => {
    if (box.current !== null && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);

  if (lines.length === 0) return <p class="muted">This worker has sent no log line yet.</p>;
  return (
    <div
      class="log"
      ref={box}
      role="log"
      aria-live="off"
      aria-label="Log"
      tabIndex={0}
      onScroll={(event) => {
        const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
        atEnd.current = scrollHeight - scrollTop - clientHeight < 8;
      }}
    >
      {withKeys(lines).map(({ key, line }) => (
        <div class="line" key={key}>
          <time dateTime={line.at} title={line.at}>
            {formatClock(Date.parse(line.at))}
          </time>
          <span class={`source source-${line.source}`}>{line.source}</span>
          <span class="data">{line.line}</span>
        </div>
      ))}
    </div>
  );
}
