// Names of GPUs as the driver, the market and the tables write them, brought to one form. Pure.

/** Words that say nothing of which GPU it is. LHR cards are no other kind: the lock was lifted (facts/miners.md section 5). */
const NOISE = new Set(
  'nvidia amd ati geforce radeon graphics gpu rtx gtx rx lhr v2 tm r with design edition series'.split(' '),
);
const LAPTOP = new Set(['laptop', 'mobile', 'maxq']);
const GIBIBYTE = 1024 ** 3;

export interface GpuModel {
  /** Lower case, without makers and families: `3070 ti laptop`, `p106-100`, `vii`. */
  key: string;
  /** Where the name says it, as in `RTX 3080 12GB`. */
  memory_gb: number | null;
}

/** A fleet has few kinds of GPUs, and each is asked for at every look at every machine. */
const KNOWN = new Map<string, GpuModel>();
const KNOWN_MAX = 1000;

/** `NVIDIA GeForce RTX 3070`, `RTX3070 LHR` and `RTX 3070` have one key; Ti, Super, Laptop and the like stay apart. */
export function gpuModel(name: string): GpuModel {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const model = readModel(name);
  if (KNOWN.size >= KNOWN_MAX) KNOWN.clear();
  KNOWN.set(name, model);
  return model;
}

function readModel(name: string): GpuModel {
  let memory_gb: number | null = null;
  const text = name
    .toLowerCase()
    .replaceAll(/\((?:tm|r)\)|[®™]/g, ' ')
    .replaceAll(/max-?q/g, 'maxq')
    .replaceAll(/(\d+)\s*gi?b\b/g, (_, gigabytes: string) => {
      memory_gb = Number(gigabytes);
      return ' ';
    })
    .replaceAll(/\b(rtx|gtx|rx)(?=\d|a\d)/g, '$1 ')
    .replaceAll(/\b(\d{3,4})(ti|xtx|xt|super|s)\b/g, '$1 $2')
    .replaceAll(/\bti\s*super\b/g, 'ti super')
    .replaceAll(/\b(\d{3,4}) s\b/g, '$1 super');
  const words = text.split(/[^a-z0-9-]+/).filter((word) => word !== '' && word !== '-' && !NOISE.has(word));
  const isLaptop = words.some((word) => LAPTOP.has(word));
  const key = [...words.filter((word) => !LAPTOP.has(word)), ...(isLaptop ? ['laptop'] : [])].join(' ');
  return { key, memory_gb };
}

/** The memory that is printed on the card: drivers tell a little less. null where it is not known. */
export function memoryGb(memory_bytes: number | null): number | null {
  return memory_bytes === null || memory_bytes === 0 ? null : Math.round(memory_bytes / GIBIBYTE);
}

/** Whether a GPU is of the promised kind. Memory counts where both are known. */
export function isPromisedModel(promised: string, seen: string, seen_memory_bytes: number | null): boolean {
  const a = gpuModel(promised);
  const b = gpuModel(seen);
  const memory = b.memory_gb ?? memoryGb(seen_memory_bytes);
  return a.key === b.key && (a.memory_gb === null || memory === null || a.memory_gb === memory);
}
