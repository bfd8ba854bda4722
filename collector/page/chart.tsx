// Plots of a worker's last hour. uPlot draws on a canvas; colours come from the stylesheet's variables.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { formatClock, formatHashrate, formatPower, formatWhole } from './format.ts';
import { hashrateTop, hasAny, powerTop } from './series.ts';
import type { PlotColumns } from './series.ts';

const SPAN_S = 3_600;
const HEIGHT_PX = 200;
const AXIS_PX = 76;

type Colour = (name: string) => string;
/** Everything of a plot that differs from the other; `latest` gives the columns that are drawn now. */
type Design = (
  colour: Colour,
  latest: () => PlotColumns,
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

function timeAxis(colour: Colour): uPlot.Axis {
  return {
    size: 30,
    stroke: colour('muted'),
    font: '11px system-ui, sans-serif',
    grid: { show: false },
    ticks: { stroke: colour('line'), width: 1, size: 4 },
    values: (_plot, splits) => splits.map((at) => formatClock(at * 1000).slice(0, 5)),
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

const HASHRATE: Design = (colour, latest) => ({
  scales: { hs: { range: () => [0, hashrateTop(latest())] } },
  axes: [timeAxis(colour), axis(colour, 'hs', formatHashrate)],
  series: [
    timeSeries(),
    { ...hashLine('claimed', colour('claimed'), 1.5), dash: [6, 4] },
    hashLine('by shares', colour('proven'), 2),
    hashLine('at least', colour('band-edge'), 1),
    hashLine('at most', colour('band-edge'), 1),
  ],
  bands: [{ series: [4, 3], fill: colour('band') }],
});

const LOAD: Design = (colour, latest) => ({
  scales: { w: { range: () => [0, powerTop(latest())] }, c: { range: () => [20, 110] } },
  axes: [
    timeAxis(colour),
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
}: {
  title: string;
  design: Design;
  data: uPlot.AlignedData;
  columns: PlotColumns;
  now_s: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // The plot outlives a render: its callbacks read what is current through this.
  const latest = useRef({ data, columns, now_s });
  latest.current = { data, columns, now_s };

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const width = () => Math.max(240, element.clientWidth);

    function draw(into: HTMLElement) {
      plot.current?.destroy();
      const { scales, ...rest } = design(themeColour(), () => latest.current.columns);
      const options: uPlot.Options = {
        ...rest,
        width: width(),
        height: HEIGHT_PX,
        scales: { ...scales, x: { range: () => [latest.current.now_s - SPAN_S, latest.current.now_s] } },
        cursor: { drag: { x: false, y: false }, sync: { key: 'last-hour' }, points: { size: 6 } },
        legend: { live: true },
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

  useEffect(() => plot.current?.setData(data), [data]);

  const empty = !hasAny(...(data.slice(1) as (number | null)[][]));
  return (
    <figure class={empty ? 'plot empty' : 'plot'}>
      <figcaption>{title}</figcaption>
      <div class="canvas" ref={box} role="img" aria-label={`${title}, the last hour`} />
      {empty && <p class="nothing">Nothing was measured in the last hour.</p>}
    </figure>
  );
}

/** The two plots of the last hour; `now_s` (unix seconds, by the collector) is their right edge. */
export function LastHour({ columns, now_s }: { columns: PlotColumns; now_s: number }) {
  const { t } = columns;
  return (
    <>
      <Plot
        title="Hashrate: claimed, and proven by shares with its 99.9 % interval"
        design={HASHRATE}
        data={[t, columns.claimed_hs, columns.delivered_hs, columns.delivered_low_hs, columns.delivered_high_hs]}
        columns={columns}
        now_s={now_s}
      />
      <Plot
        title="Power and temperature"
        design={LOAD}
        data={[t, columns.power_w, columns.temperature_c]}
        columns={columns}
        now_s={now_s}
      />
    </>
  );
}
