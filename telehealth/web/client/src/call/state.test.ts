import { describe, expect, it } from "vitest";
import type { FromRoom, RoomFacts, SeatFacts } from "./messages";
import { type Call, lineWords, next, notesWith, peerOf, START, waitingOf } from "./state";

const seat = (account: string, facts: Partial<SeatFacts> = {}): SeatFacts => ({
  account,
  name: account,
  role: "patient",
  line: `${account}-line`,
  admitted: true,
  present: true,
  microphone: true,
  camera: true,
  screen: false,
  hand_at: null,
  mode: "video",
  streams: [],
  ...facts,
});
const room = (admitted: boolean, ...seats: SeatFacts[]): RoomFacts => ({
  kind: "room",
  admitted,
  place: admitted ? 0 : 1,
  expected_at: null,
  host_here: true,
  full: false,
  locked: false,
  emergency: false,
  phone: false,
  media: "peer",
  epoch: 0,
  seats,
});
const welcome = (role: "host" | "patient", resumed = false): FromRoom => ({
  kind: "welcome",
  account: role,
  role,
  line: `${role}-line`,
  resumed,
  ticket: "next",
  chat: [],
});
const made = (...events: Parameters<typeof next>[1][]): Call => events.reduce(next, START);

describe("a call", () => {
  it("waits until it is admitted", () => {
    const waiting = made(welcome("patient"), room(false, seat("patient", { admitted: false })));
    expect(waiting.phase).toBe("waiting");
    expect(next(waiting, room(true, seat("patient"), seat("host"))).phase).toBe("inside");
  });

  it("shows the host who waits and the patient nobody who waits", () => {
    const facts = room(true, seat("host", { role: "host" }), seat("patient", { admitted: false }));
    expect(waitingOf(made(welcome("host"), facts)).map((who) => who.account)).toEqual(["patient"]);
    expect(waitingOf(made(welcome("patient"), facts))).toEqual([]);
  });

  it("finds the one other person inside", () => {
    const call = made(welcome("host"), room(true, seat("host", { role: "host" }), seat("patient")));
    expect(peerOf(call)?.account).toBe("patient");
  });

  it("counts what was said while the chat was closed, own words never", () => {
    const said = (id: string, account: string): FromRoom => ({
      kind: "said",
      line: { id, account, name: account, text: "xin chào", at: "2026-01-01T00:00:00Z", document: null },
    });
    const call = made(
      welcome("host"),
      said("1", "patient"),
      said("2", "host"),
      said("3", "patient"),
      said("3", "patient"),
    );
    expect([call.unread, call.chat.length]).toEqual([2, 3]);
    expect(next(call, { kind: "chat-shown", open: true }).unread).toBe(0);
  });

  it("keeps the chat when the line is taken up again", () => {
    const line = { id: "1", account: "a", name: "a", text: "x", at: "2026-01-01T00:00:00Z", document: null };
    const call = made(welcome("host"), { kind: "said", line }, welcome("host", true));
    expect(call.chat).toEqual([line]);
  });

  it("keeps the notes of each person who waits apart, each once", () => {
    const noted = (id: string, account: string, to: string | null): FromRoom => ({
      kind: "noted",
      to,
      line: { id, account, name: account, text: "x", at: "2026-01-01T00:00:00Z", document: null },
    });
    const call = made(
      welcome("host"),
      noted("1", "lan", null),
      noted("2", "nam", null),
      noted("3", "host", "lan"),
      noted("3", "host", "lan"),
    );
    expect(notesWith(call, "lan").map(({ line }) => line.id)).toEqual(["1", "3"]);
  });

  it("keeps its first ending", () => {
    const call = made({ kind: "goodbye", reason: "denied" }, { kind: "stopped", ending: "refused", refusal: "x" });
    expect([call.phase, call.ending]).toEqual(["over", "denied"]);
  });

  it("says the state of the line in words", () => {
    const call = made({ kind: "socket", open: true }, welcome("host"), room(true, seat("host"), seat("patient")));
    expect(lineWords(next(call, { kind: "media-state", media: "connected" }))).toBe("Connected");
    expect(lineWords(next(call, { kind: "socket", open: false }))).toContain("Connection lost");
    const lost = next(call, room(true, seat("host"), seat("patient", { present: false })));
    expect(lineWords(lost)).toContain("seat is kept");
  });
});
