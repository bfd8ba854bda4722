import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, frameAt, scanFrames } from './frame.ts';

const payloads = fc.array(
  fc.json().map((text) => Buffer.from(text)),
  { minLength: 1, maxLength: 8 },
);

function segmentOf(list: readonly Buffer[]): Buffer {
  return Buffer.concat(list.map((payload, seq) => encodeFrame(seq, payload)));
}

describe('frame', () => {
  it('gives back what was encoded, in order and without gaps', () => {
    fc.assert(
      fc.property(payloads, (list) => {
        const { frames, gaps } = scanFrames(segmentOf(list));
        expect(gaps).toEqual([]);
        expect(frames.map((f) => f.seq)).toEqual(list.map((_, seq) => seq));
      }),
    );
  });

  it('loses at most one frame to one flipped bit, and says between which', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), fc.nat(7), (list, at, bit) => {
        const bytes = segmentOf(list);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ (1 << bit);
        const { frames, gaps } = scanFrames(bytes);
        expect(frames).toHaveLength(list.length - 1);
        expect(gaps).toHaveLength(1);
        const [gap] = gaps;
        if (gap?.after !== null && gap?.before !== null) expect((gap?.before ?? 0) - (gap?.after ?? 0)).toBe(2);
      }),
    );
  });

  it('keeps every whole frame of a segment that was cut anywhere', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), (list, cut) => {
        const bytes = segmentOf(list);
        const { frames } = scanFrames(bytes);
        const length = cut % (bytes.length + 1);
        const whole = frames.filter((f) => f.offset + f.length <= length);
        expect(scanFrames(bytes.subarray(0, length)).frames).toEqual(whole);
      }),
    );
  });

  it('takes no frame out of arbitrary bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => frameAt(Buffer.from(noise), 0) === null));
  });
});
