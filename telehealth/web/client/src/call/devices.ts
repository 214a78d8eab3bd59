/** Camera and microphone: as much as there is, and in plain terms why not more. */

import type { DeviceProblem } from "./state";

export type Devices = { stream: MediaStream; problem: DeviceProblem };

const VIDEO: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
const AUDIO: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Both, else sound only, else picture only, else an empty stream: a visit is possible with any of them. */
export async function openDevices(): Promise<Devices> {
  if (!navigator.mediaDevices) return { stream: new MediaStream(), problem: "missing" };
  let problem: DeviceProblem = null;
  for (const wanted of [{ audio: AUDIO, video: VIDEO }, { audio: AUDIO }, { video: VIDEO }]) {
    try {
      return { stream: await navigator.mediaDevices.getUserMedia(wanted), problem };
    } catch (error) {
      problem ??= problemOf(error);
    }
  }
  return { stream: new MediaStream(), problem };
}

/**
 * Tells when the devices were taken away and can be had again. iOS takes both for a phone call and gives back tracks that
 * have ended or stay mute; a page in the background may not ask for a camera, so the question waits until it is seen.
 */
export function watchDevices(stream: MediaStream, again: () => void): () => void {
  const look = (): void => {
    const dead = stream.getTracks().some((track) => track.readyState === "ended" || track.muted);
    if (dead && document.visibilityState === "visible") again();
  };
  for (const track of stream.getTracks()) track.addEventListener("ended", look);
  document.addEventListener("visibilitychange", look);
  return () => {
    for (const track of stream.getTracks()) track.removeEventListener("ended", look);
    document.removeEventListener("visibilitychange", look);
  };
}

export function problemOf(error: unknown): DeviceProblem {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  return "missing";
}

/** Calls `level` with 0..1 a few times a second until the returned function is called. */
export function watchLevel(stream: MediaStream, level: (value: number) => void): () => void {
  if (stream.getAudioTracks().length === 0) return () => undefined;
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    level(Math.min(1, Math.sqrt(power) * 5));
  }, 150);
  return () => {
    clearInterval(timer);
    if (context.state !== "closed") void context.close();
  };
}

/** Two soft tones: somebody knocks. Silent where the browser wants a press first. */
export function chime(): void {
  const context = new AudioContext();
  const gain = context.createGain();
  gain.gain.value = 0.08;
  gain.connect(context.destination);
  for (const [index, frequency] of [659, 880].entries()) {
    const tone = context.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(gain);
    tone.start(context.currentTime + index * 0.22);
    tone.stop(context.currentTime + index * 0.22 + 0.18);
  }
  setTimeout(() => void context.close(), 1000);
}
