/** The call page: devices, room, the other person, and what is drawn of them. */
import "../call/call.css";
import { chime, openDevices, watchDevices, watchLevel } from "../call/devices";
import { Group, type Sampled } from "../call/group";
import { Invite } from "../call/invite";
import { Knocks, Waiting } from "../call/knocks";
import type { FromRoom } from "../call/messages";
import { More } from "../call/more";
import { prepare } from "../call/preview";
import { Recorder } from "../call/recorder";
import { explain, REFUSALS, tell } from "../call/refusals";
import { canShare, ScreenShare } from "../call/screen";
import { Final, RoomSocket, type Ticket } from "../call/socket";
import { listen, NOBODY } from "../call/speaker";
import { type Call, type Here, next, othersOf, ownScreen, roleOf, START, screenOf, waitingOf } from "../call/state";
import { View } from "../call/view";
import { need } from "../lib/dom";
import { api } from "../lib/http";
import { loadTexts, t } from "../lib/i18n";
import { Refused } from "../lib/problem";

type Join = Ticket & { ice_servers: RTCIceServer[]; relay_only?: boolean };
type Visit = { role: string; outcome: string | null; cause: string | null };

loadTexts();
const root = need("#call");
const address = `/api/v1/visits/${root.dataset.appointment}`;
const JOIN_MS = 4000;
const ENTERED = `entered ${root.dataset.appointment}`;
const view = new View();
let call: Call = { ...START, isHost: root.dataset.role === "host" };
let own = new MediaStream();
let iceServers: RTCIceServer[] = [];
let relayOnly = false;
let socket: RoomSocket | null = null;
let phone = false;
let speaker = NOBODY;
const bytes = new Map<string, number>();
const screen = new ScreenShare({
  ask: () => navigator.mediaDevices.getDisplayMedia({ video: true }),
  send: (message) => socket?.send(message),
  share: (track) => group.share(track),
  changed: (sharing) => view.sharing(sharing),
});
const knocks = new Knocks((message) => socket?.send(message));
const waiting = new Waiting((message) => socket?.send(message));
if (document.querySelector("#invite")) new Invite(address, () => call.account);
const more = new More(address, (message) => socket?.send(message));
const recorder = new Recorder(`${address}/statistics`, () => call.line);
const group = new Group({
  configuration: () => ({ iceServers, iceTransportPolicy: relayOnly ? "relay" : "all", bundlePolicy: "max-bundle" }),
  own: () => own,
  send: (message) => socket?.send(message),
  changed: drawMedia,
  sampled: takeSample,
  phone() {
    phone = true;
    drawMedia();
  },
});
let stopLevel = (): void => undefined;
let stopWatching = (): void => undefined;

function apply(event: FromRoom | Here): void {
  const before = call;
  call = next(call, event);
  view.draw(call);
  waiting.draw(call);
  if (call.phase === "inside") knocks.draw(call);
  more.draw(call);
  if (waitingOf(call).length > waitingOf(before).length) chime();
  if (before.phase !== "over" && call.phase === "over") leave();
  if (event.kind === "room") follow();
  const [was, is] = [roleOf(before), roleOf(call)];
  if (was && is && was !== is) void changePlaces(is);
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

/** After a phone call: new tracks into the old connections, switched on and off as they were. */
async function takeDevicesAgain(): Promise<void> {
  stopWatching();
  for (const track of own.getTracks()) track.stop();
  const { stream } = await openDevices();
  own = stream;
  for (const video of document.querySelectorAll<HTMLVideoElement>("[data-own]")) video.srcObject = own;
  for (const track of own.getTracks()) {
    track.enabled = track.kind === "audio" ? call.microphone : call.camera;
    group.replace(track);
  }
  stopWatching = watchDevices(own, () => void takeDevicesAgain());
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
    // a dead network swallows requests without a word: better to ask again
    const answer = await api<Join>(
      "POST",
      root.dataset.join ?? `${address}/join`,
      undefined,
      AbortSignal.timeout(JOIN_MS),
    );
    iceServers = answer.ice_servers;
    relayOnly = answer.relay_only ?? false;
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
  stopWatching = watchDevices(own, () => void takeDevicesAgain());
  socket = new RoomSocket(join, {
    heard,
    opened(open) {
      apply({ kind: "socket", open });
      group.room(open);
    },
    stopped: (ending, refusal) => apply({ kind: "stopped", ending, refusal }),
  });
}

function heard(message: FromRoom): void {
  apply(message);
  if (message.kind === "welcome" && !message.resumed) tellDevices();
  group.hear(message);
  screen.hear(message, ownScreen(call));
  if (message.kind === "refused") explain(message.reason);
  if (message.kind === "noted" && message.line.account !== call.account) chime();
  if (message.kind === "asked_mute" && call.microphone) toggle("microphone");
}

/** Whoever leads has other controls: the page is loaded anew into its seat, as soon as the record knows of it too. */
async function changePlaces(role: string): Promise<void> {
  for (const wait of [200, 500, 1000, 2000, 4000]) {
    await new Promise((done) => setTimeout(done, wait));
    const visit = await api<Visit>("GET", address).catch(() => null);
    if (visit?.role === role) return location.reload();
  }
}

function follow(): void {
  group.follow(call.line, call.room, call.phase === "inside" ? othersOf(call) : [], speaker.who);
  drawMedia();
}

/** The state of the media, from all connections to the page and to the room. */
function drawMedia(): void {
  const media = group.media();
  if (media !== "none") recorder.entered();
  if (media === "connected") recorder.connected();
  if (media === "connected") phone = false;
  if (media !== call.media) {
    apply({ kind: "media-state", media });
    if (media === "connected")
      socket?.send({ kind: "media", connected: true, mode: group.outgoing() === "on" ? "video" : "audio" });
  }
  const shown = othersOf(call).map((seat) => ({
    seat,
    reception: group.reception(seat.line),
    speaking: seat.account === speaker.who,
  }));
  view.drawOthers(shown);
  drawOwn();
}

/** Who speaks gets the ring, and in a large group the better picture. */
function listenAround(): void {
  const levels = othersOf(call).map((seat) => [seat.account, group.reception(seat.line)?.level() ?? 0] as const);
  const before = speaker.who;
  speaker = listen(speaker, new Map(levels), performance.now());
  if (speaker.who !== before) follow();
}

function drawOwn(): void {
  const megabytes = [...bytes.values()].reduce((sum, each) => sum + each, 0) / 1e6;
  view.drawOwn({ soundOnly: group.soundOnly, outgoing: group.outgoing(), phone, megabytes });
}

function takeSample(sampled: Sampled): void {
  const { to, sample } = sampled;
  recorder.take(sampled);
  bytes.set(to, sample.received_bytes + sample.sent_bytes);
  drawOwn();
}

// The end

function leave(): void {
  stopWatching();
  sessionStorage.removeItem(ENTERED);
  recorder.stop();
  screen.drop();
  group.close();
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
need("#share-toggle").hidden = !canShare();
need("#share-toggle").addEventListener("click", () => {
  if (screen.sharing) screen.stop();
  else if (screenOf(call)) tell(t(REFUSALS.screen_taken));
  else void screen.start();
});
need("#unmute").addEventListener("click", () => view.play());
need("#sound-only").addEventListener("click", () => {
  group.choose(!group.soundOnly);
  drawMedia();
});

prepare(address, () => own);
view.draw(call);
setInterval(listenAround, 300);
let devices = check();
if (sessionStorage.getItem(ENTERED)) void enter(); // a page loaded anew goes back to its seat
