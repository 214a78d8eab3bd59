/** What arrives from the other side, seen a few times a second: a picture that stands still, a line that fell silent. */

/** Totals since the connection began. */
export type Counts = { at_ms: number; packets: number; videoPackets: number; decoded: number };

export type Flow = {
  before: Counts | null;
  /** When a frame was decoded last, or when packets began to come without one. */
  stuckSince_ms: number | null;
  /** When anything came last, and when a picture was decoded last. */
  heardAt_ms: number | null;
  decodedAt_ms: number | null;
  askedAt_ms: number;
};

/** silent_ms: since anything came. still_ms: since the picture moved. 0 while neither has ever been there. */
export type Finding = { flow: Flow; askKeyFrame: boolean; silent_ms: number; still_ms: number };

export const UNSEEN: Flow = {
  before: null,
  stuckSince_ms: null,
  heardAt_ms: null,
  decodedAt_ms: null,
  askedAt_ms: Number.NEGATIVE_INFINITY,
};

/** Measured: without asking, the picture stays frozen for up to 3 s after a blip, until the encoder's next key frame. */
const STUCK_MS = 400;
/** One request is on its way for about this long. */
const ASK_AGAIN_MS = 1000;

/** Packets that come while nothing is decoded want a key frame; no packets at all is silence. */
export function watch(flow: Flow, now: Counts): Finding {
  const { before } = flow;
  if (!before || now.packets < before.packets)
    return { flow: { ...UNSEEN, before: now }, askKeyFrame: false, silent_ms: 0, still_ms: 0 };
  const heard = now.packets > before.packets;
  const heardAt_ms = heard ? now.at_ms : flow.heardAt_ms;
  const flowing = now.videoPackets > before.videoPackets;
  const decoding = now.decoded > before.decoded;
  const decodedAt_ms = decoding ? now.at_ms : flow.decodedAt_ms;
  const stuckSince_ms = decoding ? null : (flow.stuckSince_ms ?? (flowing ? before.at_ms : null));
  const stuck = flowing && stuckSince_ms !== null && now.at_ms - stuckSince_ms >= STUCK_MS;
  const askKeyFrame = stuck && now.at_ms - flow.askedAt_ms >= ASK_AGAIN_MS;
  return {
    flow: {
      before: now,
      stuckSince_ms,
      heardAt_ms,
      decodedAt_ms,
      askedAt_ms: askKeyFrame ? now.at_ms : flow.askedAt_ms,
    },
    askKeyFrame,
    silent_ms: heardAt_ms === null ? 0 : now.at_ms - heardAt_ms,
    still_ms: decodedAt_ms === null ? 0 : now.at_ms - decodedAt_ms,
  };
}

/** The totals of everything this connection receives. */
export function countsOf(report: RTCStatsReport, at_ms: number): Counts {
  const counts: Counts = { at_ms, packets: 0, videoPackets: 0, decoded: 0 };
  report.forEach((entry: RTCInboundRtpStreamStats) => {
    if (entry.type !== "inbound-rtp") return;
    counts.packets += entry.packetsReceived ?? 0;
    if (entry.kind !== "video") return;
    counts.videoPackets += entry.packetsReceived ?? 0;
    counts.decoded += entry.framesDecoded ?? 0;
  });
  return counts;
}
