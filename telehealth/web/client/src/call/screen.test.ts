import { describe, expect, it } from "vitest";
import type { FromPage, FromRoom, RoomFacts } from "./messages";
import { ScreenShare } from "./screen";

class Track extends EventTarget {
  contentHint = "";
  stopped = false;
  stop(): void {
    this.stopped = true;
  }
}

function made(ask?: () => Promise<MediaStream>) {
  const track = new Track();
  const sent: FromPage[] = [];
  const shared: boolean[] = [];
  const screen = new ScreenShare({
    ask: ask ?? (async () => ({ getVideoTracks: () => [track] }) as unknown as MediaStream),
    send: (message) => sent.push(message),
    share: (given) => shared.push(given !== null),
    changed: () => undefined,
  });
  return { screen, track, sent, shared };
}
const room = { kind: "room" } as RoomFacts;
const taken: FromRoom = { kind: "refused", reason: "screen_taken" };

describe("sharing a screen", () => {
  it("sends nothing before the room has said yes", async () => {
    const { screen, shared, sent } = made();
    await screen.start();
    screen.hear(room, false);
    expect([sent, shared]).toEqual([[{ kind: "screen", on: true }], []]);
    screen.hear(room, true);
    screen.hear(room, true);
    expect(shared).toEqual([true]);
  });

  it("gives way to whoever shares already", async () => {
    const { screen, track, shared } = made();
    await screen.start();
    screen.hear(taken, false);
    expect([screen.sharing, track.stopped, shared]).toEqual([false, true, []]);
  });

  it("notices the browser's own stop", async () => {
    const { screen, track, sent, shared } = made();
    await screen.start();
    screen.hear(room, true);
    track.dispatchEvent(new Event("ended"));
    expect(screen.sharing).toBe(false);
    expect([sent.at(-1), shared]).toEqual([{ kind: "screen", on: false }, [true, false]]);
  });

  it("takes a closed question for a no", async () => {
    const { screen, sent } = made(async () => {
      throw new DOMException("no", "NotAllowedError");
    });
    await screen.start();
    expect([screen.sharing, sent]).toEqual([false, []]);
  });

  it("says it again to a room that had to be made anew", async () => {
    const { screen, sent } = made();
    await screen.start();
    screen.hear({ kind: "welcome", resumed: false } as FromRoom, false);
    expect(sent).toHaveLength(2);
  });
});
