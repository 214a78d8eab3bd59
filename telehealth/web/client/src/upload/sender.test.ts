import { expect, test, vi } from "vitest";
import { Refused } from "../lib/problem";
import { Sender, type Sending, waitAfter } from "./sender";

const broken = (code = "unreachable", status = 0): Refused =>
  new Refused({ type: `/problems/${code}`, title: "x", status });

function sending(over: Partial<Sending<number, number>>): Sending<number, number> {
  const nothing = (): void => undefined;
  const plain = { atOnce: 3, done: nothing, failed: nothing, offline: nothing, sleep: () => Promise.resolve() };
  return { ...plain, send: (item) => Promise.resolve(item), ...over };
}

test("every item arrives, a few at a time, over a link that breaks; a refusal with a reason is final", async () => {
  const tries = new Map<number, number>();
  const arrived: number[] = [];
  const refused: number[] = [];
  const lines: boolean[] = [];
  let now = 0;
  let most = 0;
  const sender = new Sender<number, number>(
    sending({
      send: async (item) => {
        now += 1;
        most = Math.max(most, now);
        await Promise.resolve();
        now -= 1;
        tries.set(item, (tries.get(item) ?? 0) + 1);
        if (item === 7) throw broken("too-large", 413);
        if (item % 4 === 0 && (tries.get(item) ?? 0) < 4)
          throw broken(item ? "other-offset" : "unreachable", item ? 409 : 0);
        return item;
      },
      done: (item) => arrived.push(item),
      failed: (item) => refused.push(item),
      offline: (is) => lines.push(is),
    }),
  );
  sender.add(Array.from({ length: 20 }, (_, i) => i));
  await vi.waitFor(() => expect(sender.busy).toBe(false));
  expect(arrived.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i).filter((i) => i !== 7));
  expect(refused).toEqual([7]);
  expect(most).toBe(3);
  expect(lines.at(-1)).toBe(false);
});

test("what was paused half-way is sent first when it goes on", async () => {
  const begun: number[] = [];
  const arrived: number[] = [];
  const sender = new Sender<number, number>(
    sending({
      atOnce: 1,
      send: (item, signal) => {
        begun.push(item);
        if (begun.length > 1) return Promise.resolve(item);
        return new Promise((_, failed) => signal.addEventListener("abort", () => failed(broken())));
      },
      done: (item) => arrived.push(item),
    }),
  );
  sender.add([1, 2]);
  sender.pause();
  await vi.waitFor(() => expect(sender.busy).toBe(false));
  expect(arrived).toEqual([]);
  sender.resume();
  await vi.waitFor(() => expect(arrived).toEqual([1, 2]));
  expect(begun).toEqual([1, 1, 2]);
});

test("a line that is back is tried at once", async () => {
  const arrived: number[] = [];
  let tries = 0;
  const sender = new Sender<number, number>(
    sending({
      sleep: () => new Promise(() => undefined),
      send: (item) => (++tries === 1 ? Promise.reject(broken()) : Promise.resolve(item)),
      done: (item) => arrived.push(item),
    }),
  );
  sender.add([1]);
  await vi.waitFor(() => {
    sender.wake();
    expect(arrived).toEqual([1]);
  });
});

test("waits grow and end at fifteen seconds", () => {
  expect([0, 1, 2, 10].map(waitAfter)).toEqual([500, 1000, 2000, 15000]);
});
