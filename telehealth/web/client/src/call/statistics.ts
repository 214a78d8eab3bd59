/** From getStats to the few figures that decisions and records need. Names and units: W3C webrtc-stats. */

/** One look at one connection. Rates and shares are of the time since the look before; bytes are totals. */
export type Sample = {
  at_ms: number;
  /** How media travel: "direct", or through a relay by "udp", "tcp", "tls"; "" before there is a path. */
  path: "" | "direct" | "udp" | "tcp" | "tls";
  rtt_ms: number | null;
  /** What the browser believes it can send; null where it does not say. */
  estimate_kbps: number | null;
  received_kbps: number;
  sent_kbps: number;
  /** Share of packets lost on the way to us, and of ours on the way to the others: 0..1. */
  loss_in: number;
  loss_out: number;
  /** How long pictures stood still. */
  frozen_ms: number;
  freezes: number;
  /** Share of sound that had to be invented: 0..1. */
  concealed: number;
  /** Heights of the pictures sent and received, 0 without one. */
  height_out: number;
  height_in: number;
  received_bytes: number;
  sent_bytes: number;
};

/** The totals behind a Sample; the next look is compared with them. */
export type Totals = {
  at_ms: number;
  received_bytes: number;
  sent_bytes: number;
  packets: number;
  lost: number;
  frozen_s: number;
  freezes: number;
  sound: number;
  concealed: number;
};

type Entry = Record<string, unknown> & { id: string; type: string; kind?: string };
type Report = Iterable<[string, Entry]> | ReadonlyMap<string, Entry>;

const of = (entry: Entry | undefined, name: string): number => {
  const value = entry?.[name];
  return typeof value === "number" ? value : 0;
};

export function look(report: Report, at_ms: number, before: Totals | null): { sample: Sample; totals: Totals } {
  const entries = new Map(report);
  const all = [...entries.values()];
  const inbound = all.filter((entry) => entry.type === "inbound-rtp");
  const pair = pairOf(entries, all);
  const sum = (list: Entry[], name: string): number => list.reduce((total, entry) => total + of(entry, name), 0);
  const totals: Totals = {
    at_ms,
    received_bytes: of(pair, "bytesReceived") || sum(inbound, "bytesReceived"),
    sent_bytes: of(pair, "bytesSent"),
    packets: sum(inbound, "packetsReceived"),
    lost: sum(inbound, "packetsLost"),
    frozen_s: sum(inbound, "totalFreezesDuration"),
    freezes: sum(inbound, "freezeCount"),
    sound: sum(inbound, "totalSamplesReceived"),
    concealed: sum(inbound, "concealedSamples") - sum(inbound, "silentConcealedSamples"),
  };
  const since = before ?? totals;
  const sample: Sample = {
    at_ms,
    path: pathOf(entries, pair),
    rtt_ms: pair?.currentRoundTripTime === undefined ? null : Math.round(of(pair, "currentRoundTripTime") * 1000),
    estimate_kbps: pair?.availableOutgoingBitrate === undefined ? null : of(pair, "availableOutgoingBitrate") / 1000,
    received_kbps: kbps(totals.received_bytes - since.received_bytes, at_ms - since.at_ms),
    sent_kbps: kbps(totals.sent_bytes - since.sent_bytes, at_ms - since.at_ms),
    loss_in: share(totals.lost - since.lost, totals.packets - since.packets + totals.lost - since.lost),
    loss_out: Math.max(0, ...all.filter((e) => e.type === "remote-inbound-rtp").map((e) => of(e, "fractionLost"))),
    frozen_ms: Math.max(0, Math.round((totals.frozen_s - since.frozen_s) * 1000)),
    freezes: Math.max(0, totals.freezes - since.freezes),
    concealed: share(totals.concealed - since.concealed, totals.sound - since.sound),
    height_out: tallest(all.filter((entry) => entry.type === "outbound-rtp")),
    height_in: tallest(inbound),
    received_bytes: totals.received_bytes,
    sent_bytes: totals.sent_bytes,
  };
  return { sample, totals };
}

/** The pair in use: named by the transport, or marked by itself in browsers without transport statistics. */
function pairOf(entries: Map<string, Entry>, all: Entry[]): Entry | undefined {
  const transport = all.find((entry) => entry.type === "transport" && entry.selectedCandidatePairId);
  if (transport) return entries.get(String(transport.selectedCandidatePairId));
  return all.find(
    (e) => e.type === "candidate-pair" && (e.selected === true || (e.nominated && e.state === "succeeded")),
  );
}

function pathOf(entries: Map<string, Entry>, pair: Entry | undefined): Sample["path"] {
  if (!pair) return "";
  const local = entries.get(String(pair.localCandidateId));
  const remote = entries.get(String(pair.remoteCandidateId));
  const relay = [local, remote].find((candidate) => candidate?.candidateType === "relay");
  if (!relay) return "direct";
  const protocol = relay.relayProtocol;
  return protocol === "tcp" || protocol === "tls" ? protocol : "udp";
}

const tallest = (entries: Entry[]): number =>
  Math.max(0, ...entries.filter((entry) => of(entry, "framesPerSecond") > 0).map((entry) => of(entry, "frameHeight")));

const kbps = (bytes: number, ms: number): number => (ms > 0 && bytes > 0 ? Math.round((bytes * 8) / ms) : 0);

const share = (part: number, whole: number): number => (whole > 0 && part > 0 ? Math.min(1, part / whole) : 0);
