import { expect, test } from "vitest";
import { sendAll, waitAfter } from "./queue";

test("every item arrives, a few at a time, over a link that breaks", async () => {
  const tries = new Map<number, number>();
  const arrived: number[] = [];
  const refused: number[] = [];
  let now = 0;
  let most = 0;
  await sendAll({
    items: Array.from({ length: 20 }, (_, i) => i),
    atOnce: 3,
    send: async (item) => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      now -= 1;
      tries.set(item, (tries.get(item) ?? 0) + 1);
      if (item === 7) throw new Error("refused");
      if (item % 4 === 0 && (tries.get(item) ?? 0) < 4) throw new Error("passing");
      return item;
    },
    passing: (error) => (error as Error).message === "passing",
    done: (item) => arrived.push(item),
    failed: (item) => refused.push(item),
    waiting: () => undefined,
    sleep: () => Promise.resolve(),
  });
  expect(arrived.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 7));
  expect(refused).toEqual([7]);
  expect(most).toBe(3);
});

test("waits grow and end at fifteen seconds", () => {
  expect([0, 1, 2, 10].map(waitAfter)).toEqual([500, 1000, 2000, 15000]);
});
