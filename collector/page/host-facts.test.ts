import { describe, expect, it } from 'vitest';
import { hostFacts } from './host-facts.ts';

describe('hostFacts', () => {
  it('shows what is known, in a fixed order', () => {
    const facts = hostFacts({
      cpu_cores: 12,
      cpu_model: 'Ryzen 5',
      memory_bytes: 17_179_869_184,
      gpus: [{ model: 'RTX 3070' }, { model: 'RTX 3070' }, { model: null }],
      country: 'KZ',
      kernel: null,
    });
    expect(facts).toEqual([
      { label: 'GPUs', value: '2 × RTX 3070, 1 × unknown' },
      { label: 'Market server', value: 'KZ' },
      { label: 'CPU', value: 'Ryzen 5 · 12 cores' },
      { label: 'Memory', value: '16.0 GiB' },
    ]);
  });
  it('tells no GPU from an unknown number of GPUs', () => {
    expect(hostFacts({ gpus: [] })).toEqual([{ label: 'GPUs', value: 'none seen' }]);
    expect(hostFacts({ gpus: null })).toEqual([]);
  });
  it('passes over fields of a wrong type', () => {
    expect(hostFacts({ os: { evil: true }, gpus: 'many', memory_bytes: 'lots', cpu_cores: [] })).toEqual([]);
    expect(hostFacts(null)).toEqual([]);
  });
});
