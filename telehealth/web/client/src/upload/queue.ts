/** Sends many things, a few at a time. What fails in passing is tried again for as long as the page is open. */
export type Sending<T, A> = {
  items: readonly T[];
  atOnce: number;
  send: (item: T) => Promise<A>;
  /** Whether the same again may help, such as a lost link. */
  passing: (error: unknown) => boolean;
  done: (item: T, answer: A) => void;
  failed: (item: T, error: unknown) => void;
  /** Called before each wait, with its length. */
  waiting: (ms: number) => void;
  sleep: (ms: number) => Promise<void>;
};

const LONGEST_WAIT_MS = 15_000;

export function waitAfter(tries: number): number {
  return Math.min(500 * 2 ** tries, LONGEST_WAIT_MS);
}

export async function sendAll<T, A>(sending: Sending<T, A>): Promise<void> {
  const left = [...sending.items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await sendOne(item, sending);
  };
  await Promise.all(Array.from({ length: sending.atOnce }, lane));
}

async function sendOne<T, A>(item: T, sending: Sending<T, A>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      sending.done(item, await sending.send(item));
      return;
    } catch (error) {
      if (!sending.passing(error)) {
        sending.failed(item, error);
        return;
      }
      sending.waiting(waitAfter(tries));
      await sending.sleep(waitAfter(tries));
    }
  }
}
