// The GPUs of one worker.
import type { ComponentChildren } from 'preact';
import type { WorkerRow } from '../../wire/api.ts';
import { formatBytes, formatName, formatPower, formatWhole, UNKNOWN } from './format.ts';

type Gpu = WorkerRow['gpus'][number];

function pcie(gpu: Gpu): string {
  if (gpu.pcie_gen === null && gpu.pcie_width === null) return UNKNOWN;
  const width = `×${gpu.pcie_width ?? '?'}`;
  const max = gpu.pcie_width_max === null || gpu.pcie_width_max === gpu.pcie_width ? '' : ` of ×${gpu.pcie_width_max}`;
  return `${gpu.pcie_gen ?? '?'} ${width}${max}`;
}

function throttle(gpu: Gpu): string {
  if (gpu.throttle === null) return UNKNOWN;
  return gpu.throttle.length === 0 ? 'none' : gpu.throttle.map(formatName).join(', ');
}

const COLUMNS: readonly { title: string; numeric?: boolean; cell: (gpu: Gpu) => ComponentChildren }[] = [
  { title: '#', numeric: true, cell: (gpu) => gpu.index },
  { title: 'Model', cell: (gpu) => gpu.model ?? UNKNOWN },
  {
    title: 'Power',
    numeric: true,
    cell: (gpu) => (
      <>
        {formatPower(gpu.power_w)}
        {gpu.power_limit_w !== null && <small class="muted"> of {formatPower(gpu.power_limit_w)}</small>}
      </>
    ),
  },
  { title: 'Core', numeric: true, cell: (gpu) => formatWhole(gpu.temperature_c, '°C') },
  { title: 'Memory', numeric: true, cell: (gpu) => formatWhole(gpu.memory_temperature_c, '°C') },
  { title: 'Fan', numeric: true, cell: (gpu) => formatWhole(gpu.fan_pct, '%') },
  { title: 'Load', numeric: true, cell: (gpu) => formatWhole(gpu.utilization_pct, '%') },
  { title: 'Core clock', numeric: true, cell: (gpu) => formatWhole(gpu.core_mhz, 'MHz') },
  { title: 'Mem. clock', numeric: true, cell: (gpu) => formatWhole(gpu.memory_mhz, 'MHz') },
  { title: 'Mem. used', numeric: true, cell: (gpu) => formatBytes(gpu.memory_used_bytes) },
  { title: 'PCIe', cell: pcie },
  { title: 'Slowed by', cell: throttle },
  { title: 'Bus', cell: (gpu) => gpu.pci_bus ?? UNKNOWN },
];

/** One line a GPU. */
export function GpuTable({ gpus }: { gpus: readonly Gpu[] }) {
  if (gpus.length === 0) return <p class="muted">This worker has reported no GPU.</p>;
  return (
    <div class="box" role="region" aria-label="GPUs" tabIndex={0}>
      <table class="gpus">
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th key={column.title} scope="col" class={column.numeric === true ? 'num' : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {gpus.map((gpu) => (
            <tr key={gpu.index}>
              {COLUMNS.map((column) => (
                <td key={column.title} class={column.numeric === true ? 'num' : undefined}>
                  {column.cell(gpu)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
