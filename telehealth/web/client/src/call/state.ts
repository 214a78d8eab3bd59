/** The call as the page draws it: a pure reducer over what the room says and what happens here. */

import type { Farewell, FromRoom, Line, Noted, Role, RoomFacts, SeatFacts } from "./messages";

export type Phase = "check" | "entering" | "waiting" | "inside" | "over";
export type Ending = Farewell | "refused";
export type Media = "none" | "connecting" | "connected" | "interrupted";
/** Between the waiting room and the host. to: whom the host wrote to; null: the hosts. */
export type NoteLine = Pick<Noted, "to" | "line">;
export type DeviceProblem = "denied" | "missing" | "busy" | null;

export type Call = {
  phase: Phase;
  ending: Ending | null;
  /** Why the service refused, in its own words. */
  refusal: string;
  account: string;
  line: string;
  isHost: boolean;
  room: RoomFacts | null;
  chat: Line[];
  chatOpen: boolean;
  unread: number;
  notes: NoteLine[];
  socketOpen: boolean;
  media: Media;
  microphone: boolean;
  camera: boolean;
  deviceProblem: DeviceProblem;
};

/** What happens on this page. */
export type Here =
  | { kind: "devices-found"; microphone: boolean; camera: boolean; problem: DeviceProblem }
  | { kind: "enter-pressed" }
  | { kind: "socket"; open: boolean }
  | { kind: "media-state"; media: Media }
  | { kind: "microphone"; on: boolean }
  | { kind: "camera"; on: boolean }
  | { kind: "chat-shown"; open: boolean }
  | { kind: "stopped"; ending: Ending; refusal: string };

export const START: Call = {
  phase: "check",
  ending: null,
  refusal: "",
  account: "",
  line: "",
  isHost: false,
  room: null,
  chat: [],
  chatOpen: false,
  unread: 0,
  notes: [],
  socketOpen: false,
  media: "none",
  microphone: false,
  camera: false,
  deviceProblem: null,
};

export function next(call: Call, event: FromRoom | Here): Call {
  switch (event.kind) {
    case "welcome":
      return {
        ...call,
        account: event.account,
        line: event.line,
        isHost: event.role === "host",
        chat: merged(call.chat, event.chat),
        media: event.resumed ? call.media : "none",
      };
    case "room":
      return { ...call, phase: event.admitted ? "inside" : "waiting", room: event };
    case "said":
      return withLine(call, event.line);
    case "noted":
      return withNote(call, event);
    case "goodbye":
      return over(call, event.reason);
    case "described":
    case "candidated":
    case "published":
    case "offered":
    case "trickled":
    case "asked_mute":
    case "renewed":
    case "refused":
    case "ping":
      return call;
    default:
      return here(call, event);
  }
}

function here(call: Call, event: Here): Call {
  switch (event.kind) {
    case "devices-found":
      return { ...call, microphone: event.microphone, camera: event.camera, deviceProblem: event.problem };
    case "enter-pressed":
      return { ...call, phase: "entering" };
    case "socket":
      return { ...call, socketOpen: event.open };
    case "media-state":
      return { ...call, media: event.media };
    case "microphone":
      return { ...call, microphone: event.on };
    case "camera":
      return { ...call, camera: event.on };
    case "chat-shown":
      return { ...call, chatOpen: event.open, unread: event.open ? 0 : call.unread };
    case "stopped":
      return { ...over(call, event.ending), refusal: event.refusal };
    default:
      return event satisfies never; // a new kind of message or event stops the build here
  }
}

/** After a return the room tells the chat again: each line once, in its order. */
function merged(known: Line[], told: Line[]): Line[] {
  const ids = new Set(told.map((line) => line.id));
  return told.length ? [...known.filter((line) => !ids.has(line.id)), ...told] : known;
}

function withLine(call: Call, line: Line): Call {
  if (call.chat.some((known) => known.id === line.id)) return call;
  const foreign = line.account !== call.account;
  return { ...call, chat: [...call.chat, line], unread: call.unread + (foreign && !call.chatOpen ? 1 : 0) };
}

function withNote(call: Call, { to, line }: NoteLine): Call {
  if (call.notes.some((known) => known.line.id === line.id)) return call;
  return { ...call, notes: [...call.notes, { to, line }] };
}

/** What was written between somebody who waits and the hosts. */
export function notesWith(call: Call, account: string): NoteLine[] {
  return call.notes.filter(({ to, line }) => to === account || (to === null && line.account === account));
}

/** The first ending stays: what follows a goodbye is only the socket closing. */
function over(call: Call, ending: Ending): Call {
  if (call.phase === "over") return call;
  return { ...call, phase: "over", ending, room: null, media: "none", socketOpen: false };
}

/** Who else is inside. */
export function othersOf(call: Call): SeatFacts[] {
  return call.room?.seats.filter((seat) => seat.admitted && seat.account !== call.account) ?? [];
}

/** The other person inside, if there is one. */
export function peerOf(call: Call): SeatFacts | null {
  return othersOf(call)[0] ?? null;
}

/** Who else shares a screen. */
export function screenOf(call: Call): SeatFacts | null {
  return othersOf(call).find((seat) => seat.screen) ?? null;
}

/** The own part, as the room knows it; a hand-over changes it. */
export function roleOf(call: Call): Role | null {
  return call.room?.seats.find((seat) => seat.account === call.account)?.role ?? null;
}

export function ownScreen(call: Call): boolean {
  return call.room?.seats.some((seat) => seat.account === call.account && seat.screen) ?? false;
}

export function waitingOf(call: Call): SeatFacts[] {
  return call.isHost ? (call.room?.seats.filter((seat) => !seat.admitted && seat.present) ?? []) : [];
}

/** The state of the line as a sentence (a key of the page's texts). */
export function lineWords(call: Call): string {
  if (!call.socketOpen) return "Connection lost. Trying again…";
  const peer = peerOf(call);
  if (!peer)
    return call.isHost && waitingOf(call).length ? "Somebody is waiting to come in" : "Nobody else is here yet";
  if (!peer.present) return "The other side has lost the connection. Their seat is kept.";
  const words: Record<Media, string> = {
    none: "Connecting picture and sound…",
    connecting: "Connecting picture and sound…",
    connected: "Connected",
    interrupted: "Picture and sound are interrupted. Trying again…",
  };
  return words[call.media];
}
