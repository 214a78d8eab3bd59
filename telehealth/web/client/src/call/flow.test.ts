import { describe, expect, it } from "vitest";
import { type Counts, type Finding, UNSEEN, watch } from "./flow";

/** Looks every 200 ms: [packets, videoPackets, decoded] as totals. */
function seen(...totals: [number, number, number][]): Finding[] {
  let flow = UNSEEN;
  return totals.map(([packets, videoPackets, decoded], index) => {
    const counts: Counts = { at_ms: index * 200, packets, videoPackets, decoded };
    const finding = watch(flow, counts);
    flow = finding.flow;
    return finding;
  });
}
const asked = (findings: Finding[]): boolean[] => findings.map((finding) => finding.askKeyFrame);

describe("what arrives", () => {
  it("wants nothing while pictures are decoded", () => {
    expect(asked(seen([0, 0, 0], [20, 10, 4], [40, 20, 8], [60, 30, 12]))).not.toContain(true);
  });

  it("wants a key frame when packets have come for 400 ms and nothing was decoded, and not at once again", () => {
    const findings = seen([20, 10, 4], [40, 20, 4], [60, 30, 4], [80, 40, 4], [100, 50, 4]);
    expect(asked(findings)).toEqual([false, false, true, false, false]);
  });

  it("wants no key frame in silence: nobody could send it", () => {
    const findings = seen([20, 10, 4], [40, 20, 8], [40, 20, 8], [40, 20, 8], [40, 20, 8]);
    expect(asked(findings)).not.toContain(true);
    expect(findings.at(-1)?.silent_ms).toBe(600);
  });

  it("calls the picture still while only the sound moves", () => {
    const findings = seen([20, 10, 4], [40, 20, 8], [50, 20, 8], [60, 20, 8]);
    expect([findings.at(-1)?.still_ms, findings.at(-1)?.silent_ms]).toEqual([400, 0]);
  });

  it("begins anew with a new connection, whose totals are smaller", () => {
    expect(seen([100, 50, 20], [3, 1, 0]).at(-1)).toMatchObject({ askKeyFrame: false, silent_ms: 0, still_ms: 0 });
  });
});
