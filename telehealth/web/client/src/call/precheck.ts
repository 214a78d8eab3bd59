/** Before the call: the line to the echo, its rates, loss and round trip, and which relays can be reached. */

import { api } from "../lib/http";
import type { Found } from "./verdict";

const GATHER_MS = 1500;
const CONNECT_MS = 8000;
const SMALL = 40;
const SMALL_EVERY_MS = 30;
const BULK_MS = 1500;
const BULK = new Uint8Array(16_384);
const FULL_BYTES = 128 * 1024;
const RELAY_MS = 5000;

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const NOTHING: Found = { connected: false, rtt_ms: 0, lost: 1, up_kbps: 0, down_kbps: 0 };

/** One round with the echo: about six seconds and a few megabytes on a good line. */
export async function checkLine(address: string, iceServers: RTCIceServer[], own: MediaStream): Promise<Found> {
  const connection = new RTCPeerConnection({ iceServers });
  for (const track of own.getTracks()) connection.addTrack(track, own);
  const small = connection.createDataChannel("echo", { ordered: false, maxRetransmits: 0 });
  const rate = connection.createDataChannel("rate");
  rate.binaryType = "arraybuffer";
  try {
    const sdp = await offerOf(connection);
    const answer = await api<{ sdp: string }>("POST", address, { sdp });
    await connection.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    if (!(await opened(small)) || !(await opened(rate))) return NOTHING;
    const { rtt_ms, lost } = await bounce(small);
    return { connected: true, rtt_ms, lost, down_kbps: await receive(rate), up_kbps: await send(rate) };
  } finally {
    connection.close();
  }
}

/** The echo takes a whole description, so our own addresses must be in it. */
async function offerOf(connection: RTCPeerConnection): Promise<string> {
  await connection.setLocalDescription();
  const complete = new Promise<void>((done) => {
    connection.onicegatheringstatechange = () => {
      if (connection.iceGatheringState === "complete") done();
    };
  });
  await Promise.race([complete, wait(GATHER_MS)]);
  return connection.localDescription?.sdp ?? "";
}

async function opened(channel: RTCDataChannel): Promise<boolean> {
  if (channel.readyState === "open") return true;
  const open = new Promise<boolean>((done) => {
    channel.onopen = () => done(true);
  });
  return Promise.race([open, wait(CONNECT_MS).then(() => false)]);
}

async function bounce(channel: RTCDataChannel): Promise<{ rtt_ms: number; lost: number }> {
  const trips: number[] = [];
  channel.onmessage = ({ data }) => trips.push(performance.now() - Number(data));
  for (let sent = 0; sent < SMALL; sent += 1) {
    channel.send(String(performance.now()));
    await wait(SMALL_EVERY_MS);
  }
  await wait(500);
  trips.sort((a, b) => a - b);
  return { rtt_ms: Math.round(trips[Math.floor(trips.length / 2)] ?? 0), lost: 1 - trips.length / SMALL };
}

async function receive(channel: RTCDataChannel): Promise<number> {
  let bytes = 0;
  let first = 0;
  let last = 0;
  const done = new Promise<void>((ready) => {
    channel.onmessage = ({ data }) => {
      if (typeof data === "string") return ready();
      last = performance.now();
      first ||= last;
      bytes += (data as ArrayBuffer).byteLength;
    };
  });
  channel.send(JSON.stringify({ send_ms: BULK_MS }));
  await Promise.race([done, wait(BULK_MS * 3)]);
  return last > first ? Math.round((bytes * 8) / (last - first)) : 0;
}

async function send(channel: RTCDataChannel): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < BULK_MS) {
    while (channel.bufferedAmount < FULL_BYTES) channel.send(BULK);
    await wait(5);
  }
  const got = new Promise<number>((ready) => {
    channel.onmessage = ({ data }) => ready((JSON.parse(data as string) as { got: number }).got);
  });
  channel.send(JSON.stringify({ how_much: true }));
  const bytes = await Promise.race([got, wait(BULK_MS * 3).then(() => 0)]);
  return Math.round((bytes * 8) / (performance.now() - began));
}

export type Relay = { name: string; reached: boolean };

/** Every relay address by itself: a network may let UDP through and no TCP, or TLS alone. */
export function checkRelays(iceServers: RTCIceServer[]): Promise<Relay[]> {
  const single = iceServers.flatMap((server) =>
    [server.urls]
      .flat()
      .filter(isRelay)
      .map((urls) => ({ ...server, urls })),
  );
  return Promise.all(single.map(async (server) => ({ name: nameOf(server.urls), reached: await reaches(server) })));
}

const isRelay = (url: string): boolean => /^turns?:/.test(url);

/** UDP, TCP or TLS, as the address says (RFC 7065). */
function nameOf(url: string): string {
  if (url.startsWith("turns:")) return "TLS";
  return url.includes("transport=tcp") ? "TCP" : "UDP";
}

async function reaches(server: RTCIceServer): Promise<boolean> {
  const connection = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: "relay" });
  connection.createDataChannel("reach");
  const found = new Promise<boolean>((done) => {
    connection.onicecandidate = ({ candidate }) => {
      if (candidate?.type === "relay") done(true);
      if (!candidate) done(false);
    };
  });
  await connection.setLocalDescription();
  const reached = await Promise.race([found, wait(RELAY_MS).then(() => false)]);
  connection.close();
  return reached;
}

/** A tone for the loudspeaker; needs a press, which iOS wants before it lets a page sound. */
export function playTone(): void {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const gain = context.createGain();
  gain.gain.value = 0.15;
  tone.frequency.value = 523;
  tone.connect(gain).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 1.2);
  tone.onended = () => void context.close();
}
