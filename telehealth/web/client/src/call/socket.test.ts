import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FromRoom, PageFrame } from "./messages";
import { Final, RoomSocket, type Ticket } from "./socket";

/** A WebSocket whose other side is the test. */
class Wire {
  static readonly OPEN = 1;
  static all: Wire[] = [];
  readyState = 0;
  sent: PageFrame[] = [];
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: (event: { code: number }) => void = () => undefined;

  constructor(readonly url: URL) {
    Wire.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as PageFrame);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = Wire.OPEN;
    this.onopen();
  }

  say(number: number, seen: number, message: FromRoom): void {
    this.onmessage({ data: JSON.stringify({ number, seen, message }) });
  }

  welcome(resumed: boolean, ticket = "next"): void {
    this.open();
    this.say(0, 0, { kind: "welcome", account: "a", role: "patient", line: "L", resumed, ticket, chat: [] });
  }

  get kinds(): string[] {
    return this.sent.map((frame) => frame.message.kind);
  }
}

const said = (text: string): FromRoom => ({
  kind: "said",
  line: { id: text, account: "b", name: "b", text, at: "", document: null },
});
let heard: FromRoom[] = [];
let endings: string[] = [];
let joins = 0;
let answer: () => Promise<Ticket>;

function started(): RoomSocket {
  return new RoomSocket(() => answer(), {
    heard: (message) => heard.push(message),
    opened: () => undefined,
    stopped: (ending, refusal) => endings.push(`${ending} ${refusal}`.trim()),
  });
}

/** Let promises and timers of this long come to pass. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

function wire(index = Wire.all.length - 1): Wire {
  const found = Wire.all[index];
  if (!found) throw new Error("no socket was opened");
  return found;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  vi.stubGlobal("WebSocket", Wire);
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("location", { href: "https://clinic.test/visits/1/call" });
  Wire.all = [];
  heard = [];
  endings = [];
  joins = 0;
  answer = async () => ({ ticket: `joined ${++joins}`, url: "/ws/calls" });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the line to the room", () => {
  it("says hello with its ticket and sends nothing before the welcome", async () => {
    const socket = started();
    await pass();
    socket.send({ kind: "say", text: "early" });
    wire().open();
    expect(wire().url.href).toBe("wss://clinic.test/ws/calls");
    expect(wire().sent.map((frame) => frame.message)).toEqual([{ kind: "hello", ticket: "joined 1", line: null }]);
    wire().welcome(false);
    expect(wire().sent.slice(-1)).toEqual([{ number: 1, seen: 0, message: { kind: "say", text: "early" } }]);
  });

  it("comes back with the room's ticket, sends again what was not seen and hears nothing twice", async () => {
    const socket = started();
    await pass();
    wire().welcome(false);
    for (const text of ["one", "two", "three"]) socket.send({ kind: "say", text });
    wire().say(1, 1, said("mine"));
    wire().onclose({ code: 1006 });
    await pass(1000);
    wire(1).welcome(true);
    expect(joins).toBe(1);
    expect(wire(1).sent[0]?.message).toEqual({ kind: "hello", ticket: "next", line: "L" });
    expect(
      wire(1)
        .sent.slice(1)
        .map((frame) => [frame.number, frame.seen]),
    ).toEqual([
      [2, 1],
      [3, 1],
    ]);
    wire(1).say(1, 3, said("mine"));
    wire(1).say(2, 3, said("yours"));
    expect(heard.filter((message) => message.kind === "said")).toEqual([said("mine"), said("yours")]);
  });

  it("forgets what was meant for old connections when the room begins anew", async () => {
    const socket = started();
    await pass();
    wire().welcome(false);
    socket.send({ kind: "say", text: "old" });
    wire().onclose({ code: 1006 });
    await pass(1000);
    wire(1).welcome(false);
    socket.send({ kind: "say", text: "new" });
    expect(
      wire(1)
        .sent.slice(1)
        .map((frame) => [frame.number, frame.message]),
    ).toEqual([[1, { kind: "say", text: "new" }]]);
  });

  it("takes two and a half missed pings for a dead socket, at the room's pace", async () => {
    started();
    await pass();
    wire().welcome(false);
    wire().say(0, 0, { kind: "ping", every_ms: 5000 });
    expect(wire().kinds).toEqual(["hello", "pong"]);
    await pass(12_000);
    expect(Wire.all.length).toBe(1);
    wire().say(0, 0, { kind: "ping", every_ms: 1000 });
    await pass(2400);
    expect(Wire.all.length).toBe(1);
    await pass(400);
    expect(Wire.all.length).toBe(2);
  });

  it("asks for another ticket only where the room's is not taken", async () => {
    started();
    await pass();
    wire().welcome(false);
    wire().say(0, 0, { kind: "renewed", ticket: "younger" });
    wire().onclose({ code: 1006 });
    await pass(1000);
    wire(1).open();
    expect(wire(1).sent[0]?.message).toMatchObject({ ticket: "younger" });
    wire(1).onclose({ code: 4401 });
    await pass(2000);
    wire(2).open();
    expect(wire(2).sent[0]?.message).toMatchObject({ ticket: "joined 2", line: "L" });
  });

  it("moves on at once when the process ends, and then with patience", async () => {
    started();
    await pass();
    wire().welcome(false);
    wire().onclose({ code: 1012 });
    await pass(1);
    expect(Wire.all.length).toBe(2);
    wire(1).open();
    wire(1).onclose({ code: 1012 });
    await pass(100);
    expect(Wire.all.length).toBe(2);
    await pass(400);
    expect(Wire.all.length).toBe(3);
  });

  it("stays away once it was replaced, dismissed or refused", async () => {
    started();
    await pass();
    wire().welcome(false);
    wire().onclose({ code: 4409 });
    answer = async () => {
      throw new Final("This visit is over");
    };
    started();
    await pass();
    await pass(60_000);
    expect(endings).toEqual(["replaced", "refused This visit is over"]);
    expect(Wire.all.length).toBe(1);
  });
});
