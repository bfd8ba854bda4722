// Reference hashrates of GPUs: the two tables of facts/miners.md section 5, cell by cell, with the power where it is told.
// 2CC = 2miners/2cryptocalc-hashrates gpu.json (2026-06-25: round, moderately tuned, no power). NJ = najocar/Hashrate-table
// js/data.js (2022-06: tuned, rate@W). Power is GPU power as software reports it.
import { gpuModel, type GpuModel } from './gpu-model.ts';

export type ReferenceAlgo = 'kawpow' | 'autolykos2' | 'etchash' | 'kheavyhash' | 'nexapow';

export interface ReferenceRate {
  rate_hs: number;
  /** null: the source does not tell. */
  power_w: number | null;
  source: string;
}

/** Names that miners and pools give an algorithm; plain lower-case letters and digits. */
const ALGO_NAMES: Readonly<Record<string, ReferenceAlgo>> = {
  ...{ kawpow: 'kawpow', clore: 'kawpow', rvn: 'kawpow', xna: 'kawpow', neox: 'kawpow' },
  ...{ autolykos2: 'autolykos2', autolykosv2: 'autolykos2', autolykos: 'autolykos2', ergo: 'autolykos2' },
  ...{ erg: 'autolykos2', etchash: 'etchash', ethash: 'etchash', etc: 'etchash', eth: 'etchash' },
  ...{ kheavyhash: 'kheavyhash', kaspa: 'kheavyhash', kas: 'kheavyhash', nexapow: 'nexapow', nexa: 'nexapow' },
};

/** KP, AL, EC and NX are in MH/s, KH in GH/s. */
const COLUMNS: readonly { algo: ReferenceAlgo; source: string; unit_hs: number }[] = [
  { algo: 'kawpow', source: '2CC', unit_hs: 1e6 },
  { algo: 'kawpow', source: 'NJ', unit_hs: 1e6 },
  { algo: 'autolykos2', source: '2CC', unit_hs: 1e6 },
  { algo: 'autolykos2', source: 'NJ', unit_hs: 1e6 },
  { algo: 'etchash', source: '2CC', unit_hs: 1e6 },
  { algo: 'etchash', source: 'NJ', unit_hs: 1e6 },
  { algo: 'kheavyhash', source: '2CC', unit_hs: 1e9 },
  { algo: 'nexapow', source: '2CC', unit_hs: 1e6 },
];

// GPU | GB | KP 2CC | KP NJ | AL 2CC | AL NJ | EC 2CC | EC NJ | KH | NX
const TABLE = `
RX 470 | 4/8 | 10 | 14.2@135 | 63 | - | 27 | - | 0.166 | 13.5
RX 480 | 4/8 | 11 | - | 63.5 | - | 29 | - | 0.203 | 15
RX 570 | 4/8 | 10 | 14.0@148 | 63.5 | 61.8@120 | 30 | 29.6@130 | 0.184 | 14.7
RX 580 | 4/8 | 11 | 14.0@140 | 66 | 57.3@72 | 30 | - | 0.203 | 16.7
RX 590 | 8 | 12 | - | 66 | - | 34 | - | 0.167 | 16.7
Vega 56 | 8 | 25 | - | 140.5 | 188.3@200 | 53 | 53.8@168 | 0.297 | 36.6
Vega 64 | 8/16 | 25 | - | 145 | - | 54 | 48.9@162 | 0.352 | 42.7
Radeon VII | 16 | 42 | - | 205 | - | 90 | - | 0.531 | 45.3
RX 5600XT | 6 | 15.06 | - | 80 | - | 44 | - | 0.254 | 26.5
RX 5700 | 8 | 24.8 | - | 108 | - | 55 | - | 0.251 | 28.4
RX 5700XT | 8 | 27.5 | - | 108 | - | 55.2 | 54.7@? | 0.34 | 38.5
RX 6500XT | 4 | 9.1 | - | 26.5 | - | 14.1 | - | 0.211 | 14.9
RX 6600 | 8 | 14.9 | 14.7@80 | 61 | 55.4@65 | 30 | - | 0.345 | 32.5
RX 6600XT | 8 | 17.5 | 16.4@94 | 62 | 60.0@74 | 33.5 | - | 0.384 | 38.5
RX 6700XT | 12 | 25.7 | 22.0@103 | 95 | 92.0@89 | 45.5 | - | 0.475 | 45.5
RX 6800 | 16 | 32.7 | 33.5@143 | 119 | 120.7@111 | 63 | - | 0.734 | 64.5
RX 6800XT | 16 | 37.5 | 32.5@131 | 125 | 124.8@96 | 63 | - | 0.872 | 76
RX 6900XT | 16 | 37.7 | 33.6@166 | 125 | 121.9@129 | 63 | 64.0@143 | 0.968 | 95
RX 7600 | 8 | 18.1 | - | 62 | - | 32 | - | 0.345 | 33
RX 7700XT | 12 | 28.5 | - | 95.5 | - | 49 | - | 0.725 | 62
RX 7800XT | 16 | 37.5 | - | 135 | - | 67.5 | - | 0.95 | 94
RX 7900XT | 20 | 49.5 | - | 165 | - | 85 | - | 1.045 | 92
RX 7900XTX | 24 | 62 | - | 195 | - | 102 | - | 1.055 | 98
GTX 1050 Ti | 4 | 7 | - | 32 | - | 14 | - | 0.112 | 3.4
GTX 1060 | 3/6 | 10 | - | 52 | - | 23 | - | 0.183 | 5.2
GTX 1070 | 8 | 14 | - | 65 | - | 32 | - | 0.235 | 7.2
GTX 1070 Ti | 8 | 15 | 16.6@160 | 65 | 64.7@125 | 35 | 33.8@110 | 0.378 | 8
P102-100 | 10 | 17.1 | - | 92.5 | - | 45 | - | 0.285 | 11.5
P104-100 | 4/8 | 15 | 17.9@163 | 75 | 75.9@129 | 39 | 37.8@129 | 0.268 | 8.7
P106-100 | 6 | 12.5 | 11.1@119 | 52 | 46.4@85 | 25 | 23.2@89 | 0.183 | 5.2
GTX 1080 | 8 | 17 | 18.3@159 | 67 | 76.8@134 | 39 | 39.1@115 | 0.354 | 12
GTX 1080 Ti | 11 | 25 | - | 105 | - | 53 | 51.2@170 | 0.497 | 16
GTX 1650 | 4 | 8.1 | - | 36 | - | 18.1 | - | 0.2 | 25
GTX 1660 | 6 | 10.7 | - | 47 | - | 21 | - | 0.248 | 31
GTX 1660 Super | 6 | 14.2 | - | 63 | 62.9@72 | 30 | 31.7@75 | 0.291 | 32
GTX 1660 Ti | 6 | 15 | 15.3@99 | 59.8 | - | 31.25 | 31.1@60 | 0.331 | 34
RTX 2060 | 6 | 16 | 17.8@125 | 63.8 | 66.2@75 | 32 | 33.9@81 | 0.34 | 42
RTX 2060 12GB | 12 | 21 | - | 67 | - | 33 | - | 0.37 | 47.5
RTX 2060 Super | 8 | 22.2 | - | 88 | 88.0@97 | 40 | - | 0.385 | 49
RTX 2070 | 8 | 21 | 21.1@148 | 90 | - | 40 | 42.5@99 | 0.407 | 51
RTX 2070 Super | 8 | 23 | - | 78 | 88.4@105 | 41 | - | 0.453 | 62
RTX 2080 | 8 | 30 | 25.9@179 | 85 | 84.4@105 | 42 | 45.1@116 | 0.519 | 69
RTX 2080 Ti | 11 | 36 | - | 105 | - | 57 | - | 0.768 | 94
RTX 2080 Super | 8 | 30 | - | 87 | - | 57 | - | 0.534 | 71
RTX 3050 | 8 | 15.2 | - | 79 | - | 26 | 16.8@67 | 0.18 | 35
RTX 3060 | 12 | 22.7 | 24.1@140 | 115 | 122.1@98 | 48 | 25.5@100 | 0.372 | 54
RTX 3060 LAPTOP | 6 | 23 | - | 105 | - | 46 | - | 0.45 | 58
RTX 3060 Ti | 8 | 30.5 | 30.5@149 | 172 | 173.2@139 | 61 | - | 0.625 | 76
RTX 3070 | 8 | 31.3 | 30.6@150 | 177 | 173.5@120 | 61 | 61.7@118 | 0.735 | 96
RTX 3070 LAPTOP | 8 | 24 | - | 157 | - | 60 | - | 0.525 | 72
RTX 3070 Ti | 8 | 40 | 37.8@226 | 180 | 183.1@174 | 80 | 56.4@177 | 0.745 | 101
RTX 3070 Ti LAPTOP | 8 | 27 | - | 162 | - | 62 | - | 0.545 | 74
RTX 3080 | 10 | 49 | 42.2@250 | 215 | 228.2@213 | 98 | - | 1.03 | 135
RTX 3080 LAPTOP | 8 | 33 | - | 167 | - | 68 | - | 0.552 | 78
RTX 3080 12 GB | 12 | 53 | - | 255 | - | 120 | - | 1.07 | 142
RTX 3080 Ti | 12 | 58.9 | 58.7@354 | 261.2 | 269.1@232 | 120 | - | 1.19 | 155
RTX 3090 | 24 | 59 | 61.2@362 | 275 | 268.3@263 | 120 | 120.3@319 | 1.2 | 157
RTX 3090 Ti | 24 | 63 | 66.2@446 | 280 | 274.1@264 | 125 | 128.6@328 | 1.23 | 165
RTX 4060 | 8 | 18 | - | 75 | - | 33 | - | 0.52 | 72
RTX 4060 Ti | 8 | 20 | - | 91 | - | 39 | - | 0.785 | 96
RTX 4070 | 12 | 32 | - | 132 | - | 63 | - | 1.02 | 125
RTX 4070 Ti | 12 | 37 | - | 135 | - | 65 | - | 1.3 | 158
RTX 4070 Super | 12 | 35 | - | 133 | - | 65 | - | 1.15 | 135
RTX 4070 Ti Super | 16 | 43 | - | 160 | - | 74 | - | 1.55 | 167
RTX 4080 Super | 16 | 51 | - | 180 | - | 90 | - | 1.65 | 180
RTX 4080 | 16 | 45 | - | 175 | - | 89 | - | 1.63 | 171
RTX 4090 | 24 | 65 | - | 270 | - | 127 | - | 2.18 | 330
CMP 30HX | 6 | 12 | - | 62 | - | 31 | - | 0.29 | 35
CMP 40HX | 8 | 19 | - | 85 | - | 43 | - | 0.395 | 48
CMP 50HX | 10 | 22 | - | 110 | - | 55 | - | 0.53 | 68
CMP 70HX | 8 | 31 | - | 165 | - | 81 | - | 0.48 | 58
CMP 90HX | 10 | 45 | - | 210 | - | 100 | - | 0.75 | 90
CMP 170HX | 8 | 55 | 111.2@241 | 415 | 468.3@213 | 160 | 163.3@234 | 0.63 | 91
RTX A2000 | 12 | 15 | 15.1@69 | 100 | 100.2@69 | 40 | 39.8@65 | 0.31 | 36
RTX A4000 | 16 | 27 | 26.1@139 | 155 | 140.6@139 | 62 | 58.5@120 | 0.55 | 80
RTX A5000 | 24 | 43 | 42.2@229 | 240 | 242.1@229 | 100 | 101.8@217 | 0.73 | 102
`;

/** More rows of NJ: LHR cards, RX 5500 XT. */
const MORE_NJ = `
RTX 3080 | 10 | - | 49.5@324 | - | 226@224 | - | 72@236 | - | -
RTX 3070 | 8 | - | 31.8@154 | - | 146@122 | - | - | - | -
RTX 3060 Ti | 8 | - | 31.0@169 | - | 144@123 | - | 44@159 | - | -
RTX 3060 | 12 | - | 24.6@139 | - | 122@146 | - | 32@106 | - | -
RX 5500 XT | 8 | - | 12.1@81 | - | 53.6@67 | - | - | - | -
`;

/** Single reports of newer cards (Rigel 1.23.2, BzMiner 100.36). */
const SINGLE = `
RTX 5060 Ti | 16 | 21.2 | - | - | 119@150 | - | - | - | -
RX 9060 XT | 16 | - | - | - | 36.6@145 | - | - | - | -
`;

/** Cells that the facts call doubtful, and no second source stands beside them. */
const DOUBTFUL: readonly [string, ReferenceAlgo][] = [['RTX 2080 Super', 'etchash']];

interface Row {
  model: GpuModel;
  rates: ReadonlyMap<ReferenceAlgo, readonly ReferenceRate[]>;
}

const ROWS: readonly Row[] = [
  ...rowsOf(TABLE, null),
  ...rowsOf(MORE_NJ, 'NJ, more rows'),
  ...rowsOf(SINGLE, 'a single report'),
];

/** The table's name of an algorithm, or null for one that it has not. */
export function referenceAlgo(algo: string): ReferenceAlgo | null {
  return ALGO_NAMES[algo.toLowerCase().replaceAll(/[^a-z0-9]/g, '')] ?? null;
}

/**
 * Every figure for a GPU; [] where none is known. `memory_gb` chooses between rows of one name (RTX 3080 of 10 and of 12 GB).
 * A row that names a memory is for that memory only.
 */
export function referenceRates(model: GpuModel, memory_gb: number | null, algo: ReferenceAlgo): ReferenceRate[] {
  const memory = model.memory_gb ?? memory_gb;
  const named = ROWS.filter((row) => row.model.key === model.key);
  const exact = named.filter((row) => row.model.memory_gb !== null && row.model.memory_gb === memory);
  const rows = exact.length > 0 ? exact : named.filter((row) => row.model.memory_gb === null);
  return rows.flatMap((row) => row.rates.get(algo) ?? []);
}

/** Whether the facts doubt the only figure. */
export function isDoubtful(model: GpuModel, algo: ReferenceAlgo): boolean {
  return DOUBTFUL.some(([name, of]) => of === algo && gpuModel(name).key === model.key);
}

/** `source`: of all figures, where it is not the column's. */
function rowsOf(table: string, source: string | null): Row[] {
  return table
    .trim()
    .split('\n')
    .map((line) => {
      const [name = '', , ...cells] = line.split('|').map((cell) => cell.trim());
      const rates = new Map<ReferenceAlgo, ReferenceRate[]>();
      for (const [i, { algo, unit_hs, source: ofColumn }] of COLUMNS.entries()) {
        const [, rate, watts] = /^([\d.]+)(?:@([\d.]+|\?))?$/.exec(cells[i] ?? '') ?? [];
        if (rate === undefined) continue;
        const power_w = watts === undefined || watts === '?' ? null : Number(watts);
        rates.set(algo, [
          ...(rates.get(algo) ?? []),
          { rate_hs: Number(rate) * unit_hs, power_w, source: source ?? ofColumn },
        ]);
      }
      return { model: gpuModel(name), rates };
    });
}
