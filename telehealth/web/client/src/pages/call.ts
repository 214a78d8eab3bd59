/** The call page: devices, room, the other person, and what is drawn of them. */
import "../call/call.css";
import { chime, openDevices, watchLevel } from "../call/devices";
import type { FromRoom } from "../call/messages";
import { Peer } from "../call/peer";
import { Final, RoomSocket, type Ticket } from "../call/socket";
import { type Call, type Here, next, peerOf, START, waitingOf } from "../call/state";
import { View } from "../call/view";
import { need } from "../lib/dom";
import { api } from "../lib/http";
import { loadTexts, t } from "../lib/i18n";
import { Refused } from "../lib/problem";

type Join = Ticket & { ice_servers: RTCIceServer[] };
type Visit = { outcome: string | null; cause: string | null };

loadTexts();
const root = need("#call");
const address = `/api/v1/visits/${root.dataset.appointment}`;
const ENTERED = `entered ${root.dataset.appointment}`;
const view = new View();
const remote = need<HTMLVideoElement>("#remote");
const incoming = new MediaStream();
let call: Call = { ...START, isHost: root.dataset.role === "host" };
let own = new MediaStream();
let iceServers: RTCIceServer[] = [];
let socket: RoomSocket | null = null;
let peer: Peer | null = null;
let stopLevel = (): void => undefined;

function apply(event: FromRoom | Here): void {
  const before = call;
  call = next(call, event);
  view.draw(call);
  if (waitingOf(call).length > waitingOf(before).length) chime();
  if (before.phase !== "over" && call.phase === "over") leave();
  if (event.kind === "welcome" && !event.resumed) dropPeer(); // the other side makes a new connection for a new line
  if (event.kind === "room") followPeer();
}

// Devices

async function check(): Promise<void> {
  const found = await openDevices();
  own = found.stream;
  // an empty stream would keep the page "loading" for ever
  const shown = own.getTracks().length ? own : null;
  for (const video of document.querySelectorAll<HTMLVideoElement>("[data-own]")) video.srcObject = shown;
  stopLevel();
  stopLevel = watchLevel(own, (value) => view.level(value));
  apply({
    kind: "devices-found",
    microphone: own.getAudioTracks().length > 0,
    camera: own.getVideoTracks().length > 0,
    problem: found.problem,
  });
}

function toggle(kind: "microphone" | "camera"): void {
  const tracks = kind === "microphone" ? own.getAudioTracks() : own.getVideoTracks();
  const on = tracks.length > 0 && !call[kind];
  for (const track of tracks) track.enabled = on;
  apply({ kind, on });
  tellDevices();
}

function tellDevices(): void {
  socket?.send({ kind: "devices", microphone: call.microphone, camera: call.camera });
}

// The room

async function join(): Promise<Ticket> {
  try {
    const answer = await api<Join>("POST", `${address}/join`);
    iceServers = answer.ice_servers;
    return answer;
  } catch (error) {
    if (error instanceof Refused && !error.passing) throw new Final(error.problem.title);
    throw error;
  }
}

/** Once, and only with the devices opened: whoever presses sooner waits for them. */
async function enter(): Promise<void> {
  if (call.phase !== "check") return;
  sessionStorage.setItem(ENTERED, "yes");
  apply({ kind: "enter-pressed" });
  await devices;
  stopLevel();
  socket = new RoomSocket(join, {
    heard,
    opened(open) {
      apply({ kind: "socket", open });
      if (open) peer?.reopened();
    },
    stopped: (ending, refusal) => apply({ kind: "stopped", ending, refusal }),
  });
}

function heard(message: FromRoom): void {
  apply(message);
  if (message.kind === "welcome" && !message.resumed) tellDevices();
  if (message.kind === "described" && message.sender === peer?.line) void peer.described(message);
  if (message.kind === "candidated" && message.sender === peer?.line) void peer.candidated(message);
}

/** One Peer for the line that sits in the other seat now; another line means another page, so another Peer. */
function followPeer(): void {
  const seat = call.phase === "inside" ? peerOf(call) : null;
  if (peer && peer.line === seat?.line) return;
  dropPeer();
  if (!seat) {
    apply({ kind: "media-state", media: "none" });
    return;
  }
  apply({ kind: "media-state", media: "connecting" }); // what was true of the old connection is not of this one
  peer = new Peer({
    to: seat.line,
    polite: !call.isHost,
    iceServers,
    stream: own,
    send: (message) => socket?.send(message),
    track: show,
    state(media) {
      apply({ kind: "media-state", media });
      if (media === "connected") socket?.send({ kind: "media", connected: true, mode: "video" });
    },
  });
}

function dropPeer(): void {
  peer?.close();
  peer = null;
  for (const track of incoming.getTracks()) incoming.removeTrack(track);
}

function show(track: MediaStreamTrack): void {
  for (const old of incoming.getTracks()) if (old.kind === track.kind) incoming.removeTrack(old);
  incoming.addTrack(track);
  if (remote.srcObject !== incoming) remote.srcObject = incoming;
  remote.play().catch((error: unknown) => {
    const pressWanted = error instanceof DOMException && error.name === "NotAllowedError";
    if (pressWanted) need("#unmute").hidden = false;
  });
}

// The end

function leave(): void {
  sessionStorage.removeItem(ENTERED);
  dropPeer();
  stopLevel();
  for (const track of own.getTracks()) track.stop();
  if (call.ending === "ended") void tellOutcome();
}

/** The outcome is worked out just after the room closes. */
async function tellOutcome(): Promise<void> {
  for (const wait of [300, 1000, 2000, 4000, 8000]) {
    await new Promise((done) => setTimeout(done, wait));
    const visit = await api<Visit>("GET", address).catch(() => null);
    if (visit?.outcome) {
      view.outcome(t(`outcome ${visit.outcome}`));
      return;
    }
  }
}

async function endWith(outcome: string): Promise<void> {
  need<HTMLDialogElement>("#end-dialog").close();
  if (outcome === "leave") socket?.send({ kind: "leave" });
  else if (outcome === "end") socket?.send({ kind: "end" });
  else await api("POST", `${address}/end`, { outcome });
}

// Presses

root.addEventListener("click", (event) => {
  const pressed = event.target instanceof Element ? event.target.closest("button") : null;
  if (!pressed) return;
  const { admit, deny, toggle: device, end } = pressed.dataset;
  if (admit) socket?.send({ kind: "admit", account: admit });
  else if (deny) socket?.send({ kind: "deny", account: deny });
  else if (device === "microphone" || device === "camera") toggle(device);
  else if (end) void endWith(end);
});
need("#enter").addEventListener("click", () => void enter());
need("#retry").addEventListener("click", () => {
  devices = check();
});
need("#leave-waiting").addEventListener("click", () => socket?.send({ kind: "leave" }));
need("#hang-up").addEventListener("click", () => {
  if (call.isHost) need<HTMLDialogElement>("#end-dialog").showModal();
  else socket?.send({ kind: "leave" });
});
need("#chat-toggle").addEventListener("click", () => {
  apply({ kind: "chat-shown", open: !call.chatOpen });
  if (call.chatOpen) need("#say").focus();
});
need("#chat-close").addEventListener("click", () => {
  apply({ kind: "chat-shown", open: false });
  need("#chat-toggle").focus();
});
need<HTMLFormElement>("#chat-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = need<HTMLInputElement>("#say");
  const text = input.value.trim();
  if (text) socket?.send({ kind: "say", text });
  input.value = "";
});
need("#unmute").addEventListener("click", () => {
  need("#unmute").hidden = true;
  void remote.play();
});

view.draw(call);
let devices = check();
if (sessionStorage.getItem(ENTERED)) void enter(); // a page loaded anew goes back to its seat
