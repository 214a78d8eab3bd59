/** Short news at the foot of the page, read out by screen readers. Goes away by itself; an error stays longer. */
export type Tone = "ok" | "warn" | "danger" | "info";

export function toast(text: string, tone: Tone = "info"): void {
  const place = document.getElementById("toasts");
  if (!place) return;
  const note = document.createElement("div");
  note.className = `toast ${tone}`;
  note.textContent = text;
  place.append(note);
  setTimeout(() => note.remove(), tone === "danger" || tone === "warn" ? 12_000 : 6_000);
}
