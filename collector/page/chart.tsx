// Plots of a worker's last hour, day, week or quarter. uPlot draws on a canvas; colours come from the stylesheet's variables.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { formatClock, formatHashrate, formatPower, formatWhole } from './format.ts';
import { hashrateTop, hasAny, powerTop } from './series.ts';
import type { PlotColumns } from './series.ts';

const HEIGHT_PX = 200;
const AXIS_PX = 76;

type Colour = (name: string) => string;
/** A moment to be seen in a plot: since when a verdict holds. */
export interface Mark {
  at_s: number;
  label: string;
}

/** What a plot shows beside its columns. */
export interface Span {
  span_s: number;
  /** In words: `the last hour`. */
  words: string;
  marks: readonly Mark[];
}

/** Everything of a plot that differs from the other; `latest` gives the columns that are drawn now. */
type Design = (
  colour: Colour,
  latest: () => PlotColumns,
  span_s: () => number,
) => Pick<uPlot.Options, 'series' | 'axes' | 'scales' | 'bands'>;

function themeColour(): Colour {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

function timeSeries(): uPlot.Series {
  return { label: 'Time', value: (_plot, at: number | null) => (at === null ? '' : formatClock(at * 1000)) };
}

function axis(colour: Colour, scale: string, format: (value: number) => string, right = false): uPlot.Axis {
  const thin = { stroke: colour('line'), width: 1 };
  return {
    scale,
    side: right ? 1 : 3,
    size: AXIS_PX,
    stroke: colour('muted'),
    font: '11px system-ui, sans-serif',
    grid: right ? { show: false } : thin,
    ticks: { show: false },
    values: (_plot, splits) => splits.map((value) => format(value)),
  };
}

const DAY_S = 86_400;
/** `14:03` within a day or so, `26 Nov` beyond. */
function formatTick(at_s: number, span_s: number): string {
  if (span_s <= 2 * DAY_S) return formatClock(at_s * 1000).slice(0, 5);
  return new Date(at_s * 1000).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
}

/** Draws a line at each mark that falls into the plot. */
function drawMarks(plot: uPlot, marks: readonly Mark[], colour: string): void {
  const { ctx, bbox, scales } = plot;
  const { min = Infinity, max = -Infinity } = { min: scales['x']?.min, max: scales['x']?.max };
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  marks
    .filter(({ at_s }) => at_s >= min && at_s <= max)
    .forEach(({ at_s, label }, i) => {
      const x = plot.valToPos(at_s, 'x', true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const isRight = x > bbox.left + bbox.width / 2;
      ctx.textAlign = isRight ? 'right' : 'left';
      const room = 4 * devicePixelRatio;
      ctx.fillText(label, isRight ? x - room : x + room, bbox.top + (12 + 14 * (i % 4)) * devicePixelRatio);
    });
  ctx.restore();
}

function timeAxis(colour: Colour, span_s: () => number): uPlot.Axis {
  return {
    size: 30,
    stroke: colour('muted'),
    font: '11px system-ui, sans-serif',
    grid: { show: false },
    ticks: { stroke: colour('line'), width: 1, size: 4 },
    values: (_plot, splits) => splits.map((at) => formatTick(at, span_s())),
  };
}

function hashLine(label: string, stroke: string, width: number): uPlot.Series {
  return {
    label,
    scale: 'hs',
    stroke,
    width,
    points: { show: false },
    value: (_plot, value: number | null) => formatHashrate(value),
  };
}

const HASHRATE: Design = (colour, latest, span_s) => ({
  scales: { hs: { range: () => [0, hashrateTop(latest())] } },
  axes: [timeAxis(colour, span_s), axis(colour, 'hs', formatHashrate)],
  series: [
    timeSeries(),
    { ...hashLine('claimed', colour('claimed'), 1.5), dash: [6, 4] },
    hashLine('by shares', colour('proven'), 2),
    hashLine('at least', colour('band-edge'), 1),
    hashLine('at most', colour('band-edge'), 1),
  ],
  bands: [{ series: [4, 3], fill: colour('band') }],
});

const LOAD: Design = (colour, latest, span_s) => ({
  scales: { w: { range: () => [0, powerTop(latest())] }, c: { range: () => [20, 110] } },
  axes: [
    timeAxis(colour, span_s),
    axis(colour, 'w', formatPower),
    axis(colour, 'c', (value) => formatWhole(value, '°C'), true),
  ],
  series: [
    timeSeries(),
    {
      label: 'power',
      scale: 'w',
      stroke: colour('power'),
      width: 1.5,
      points: { show: false },
      value: (_plot, value: number | null) => formatPower(value),
    },
    {
      label: 'hottest GPU',
      scale: 'c',
      stroke: colour('heat'),
      width: 1.5,
      points: { show: false },
      value: (_plot, value: number | null) => formatWhole(value, '°C'),
    },
  ],
});

function Plot({
  title,
  design,
  data,
  columns,
  now_s,
  span,
}: {
  title: string;
  design: Design;
  data: uPlot.AlignedData;
  columns: PlotColumns;
  now_s: number;
  span: Span;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // The plot outlives a render: its callbacks read what is current through this.
  const latest = useRef({ data, columns, now_s, span });
  latest.current = { data, columns, now_s, span };

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const width = () => Math.max(240, element.clientWidth);

    function draw(into: HTMLElement) {
      plot.current?.destroy();
      const colour = themeColour();
      const { scales, ...rest } = design(
        colour,
        () => latest.current.columns,
        () => latest.current.span.span_s,
      );
      const range = (): [number, number] => [latest.current.now_s - latest.current.span.span_s, latest.current.now_s];
      const options: uPlot.Options = {
        ...rest,
        width: width(),
        height: HEIGHT_PX,
        scales: { ...scales, x: { range } },
        cursor: { drag: { x: false, y: false }, sync: { key: 'last-hour' }, points: { size: 6 } },
        legend: { live: true },
        hooks: { draw: [(drawn) => drawMarks(drawn, latest.current.span.marks, colour('bad'))] },
      };
      plot.current = new uPlot(options, latest.current.data, into);
    }

    draw(element);
    const redraw = () => draw(element);
    const theme = matchMedia('(prefers-color-scheme: dark)');
    theme.addEventListener('change', redraw);
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: width(), height: HEIGHT_PX }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      theme.removeEventListener('change', redraw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [design]);

  useEffect(() => plot.current?.setData(data), [data, span]);

  const empty = !hasAny(...(data.slice(1) as (number | null)[][]));
  return (
    <figure class={empty ? 'plot empty' : 'plot'}>
      <figcaption>{title}</figcaption>
      <div class="canvas" ref={box} role="img" aria-label={`${title}, ${span.words}`} />
      {empty && <p class="nothing">Nothing was measured in {span.words}.</p>}
    </figure>
  );
}

/** The two plots of a span; `now_s` (unix seconds, by the collector) is their right edge. */
export function Plots({ columns, now_s, span }: { columns: PlotColumns; now_s: number; span: Span }) {
  const { t } = columns;
  return (
    <>
      <Plot
        title="Hashrate: claimed, and proven by shares with its 99.9 % interval"
        design={HASHRATE}
        data={[t, columns.claimed_hs, columns.delivered_hs, columns.delivered_low_hs, columns.delivered_high_hs]}
        columns={columns}
        now_s={now_s}
        span={span}
      />
      <Plot
        title="Power and temperature"
        design={LOAD}
        data={[t, columns.power_w, columns.temperature_c]}
        columns={columns}
        now_s={now_s}
        span={span}
      />
    </>
  );
}
