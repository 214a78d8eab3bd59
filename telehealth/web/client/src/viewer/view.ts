/** The lists and words around the picture. */

import { find, make, need } from "../lib/dom";
import { t } from "../lib/i18n";
import { type Picture, type Series, sideOf, thumbnailOf } from "./dicomweb";
import type { Mark } from "./facts";
import type { Saving } from "./marks";
import { lines } from "./measure";
import type { Viewport } from "./viewport";

const say = (id: string, text: string): void => {
  need(`#${id}`).textContent = text;
};

/** Modalities whose instances hold words or drawings, no pixels: asking for a thumbnail would be refused. */
const WITHOUT_PICTURE = new Set(["SR", "KO", "PR", "REG", "RTSTRUCT", "RTPLAN", "RTRECORD"]);

/** Series as buttons with a picture, their kind and count. */
export function showSeries(all: Series[], choose: (series: Series) => void): void {
  need("#series").replaceChildren(
    ...all.map((series) => {
      const title = series.description || t("Series {number}", { number: series.number ?? "" });
      const picture = make("img", { alt: "", width: 72, height: 72, loading: "lazy" });
      picture.addEventListener("error", () => picture.classList.add("missing"));
      if (WITHOUT_PICTURE.has(series.modality)) picture.classList.add("missing");
      else picture.src = thumbnailOf(series);
      const words = make(
        "span",
        { class: "series-words" },
        make("b", {}, title),
        make("small", {}, `${series.modality} · ${t("{count} images", { count: series.count })}`),
      );
      const button = make("button", { type: "button", class: "series", "data-uid": series.uid }, picture, words);
      button.addEventListener("click", () => choose(series));
      return make("li", {}, button);
    }),
  );
}

export function markSeries(uid: string): void {
  for (const button of document.querySelectorAll<HTMLElement>(".series")) {
    button.setAttribute("aria-current", String(button.dataset.uid === uid));
  }
}

/** Corner texts: place in the stack, window, zoom, sides of the patient. */
export function showCorners(viewport: Viewport, picture: Picture, total: number): void {
  say("corner-place", `${viewport.index + 1} / ${total}`);
  const range = viewport.currentWindow;
  say("corner-window", range ? `C ${Math.round(range.centre)}  W ${Math.round(range.width)}` : "");
  say("corner-zoom", `${Math.round(viewport.zoom * 100)} %`);
  const [right, down] = [picture.orientation?.slice(0, 3), picture.orientation?.slice(3)];
  say("side-right", right ? sideOf(right) : "");
  say("side-left", right ? sideOf(right.map((part) => -part)) : "");
  say("side-bottom", down ? sideOf(down) : "");
  say("side-top", down ? sideOf(down.map((part) => -part)) : "");
}

export function showBroken(broken: boolean): void {
  need("#broken").hidden = !broken;
}

export function showLoading(done: number, total: number, broken: number): void {
  const bar = need<HTMLProgressElement>("#loading progress");
  bar.max = total;
  bar.value = done;
  need("#loading").hidden = done >= total && broken === 0;
  bar.hidden = done >= total;
  const here = t("{done} of {total} images loaded", { done, total });
  say("loading-text", broken > 0 ? `${here}. ${t("{count} cannot be shown", { count: broken })}` : here);
}

const SAVING: Record<Saving, string> = {
  saved: "Saved",
  saving: "Saving…",
  waiting: "No connection: the marks are kept here and saved later",
  refused: "Not saved",
};

export function showSaving(state: Saving, problem: string): void {
  const place = need("#saving");
  if (place.dataset.state === state && !problem) return;
  place.dataset.state = state;
  need("span", place).textContent = problem ? `${t(SAVING[state])}: ${problem}` : t(SAVING[state]);
}

export type MarkWishes = { go(mark: Mark): void; remove(mark: Mark): void; name(mark: Mark, label: string): void };

/** The marks of the study with their numbers, author and version. */
export function showMarks(marks: Mark[], chosen: string | null, editable: boolean, wishes: MarkWishes): void {
  need("#marks-empty").hidden = marks.length > 0;
  const typing = document.activeElement?.closest<HTMLElement>("#marks [data-mark]")?.dataset.mark;
  if (typing && document.activeElement instanceof HTMLInputElement) return; // do not take a field away while it is written in
  need("#marks").replaceChildren(...marks.map((mark) => markRow(mark, mark.mark_id === chosen, editable, wishes)));
}

const KINDS: Record<Mark["kind"], string> = {
  length: "Length",
  angle: "Angle",
  rectangle: "Rectangle",
  ellipse: "Ellipse",
  arrow: "Arrow",
  key_image: "Key image",
};

function markRow(mark: Mark, chosen: boolean, editable: boolean, wishes: MarkWishes): HTMLElement {
  const go = make(
    "button",
    { type: "button", class: "mark-go" },
    make("b", {}, t(KINDS[mark.kind])),
    make("span", { class: "numbers" }, lines({ ...mark, label: "" }).join(" · ")),
  );
  go.addEventListener("click", () => wishes.go(mark));
  const version = mark.version > 0 ? t("version {version}", { version: mark.version }) : "";
  const row = make("li", { "data-mark": mark.mark_id, "data-version": mark.version, "data-kind": mark.kind }, go);
  row.classList.toggle("chosen", chosen);
  if (editable) row.append(...controls(mark, wishes));
  else if (mark.label) row.append(make("span", { class: "mark-label" }, mark.label));
  row.append(make("small", { class: "by" }, [mark.author_name, version].filter(Boolean).join(" · ")));
  return row;
}

function controls(mark: Mark, wishes: MarkWishes): HTMLElement[] {
  const label = make("input", {
    type: "text",
    value: mark.label,
    maxlength: 200,
    placeholder: t("Note"),
    "aria-label": t("Note to this mark"),
  });
  label.addEventListener("change", () => wishes.name(mark, label.value.trim()));
  const remove = make("button", { type: "button", class: "icon-only", "aria-label": t("Remove"), title: t("Remove") });
  const icon = find<HTMLTemplateElement>("#icon-remove")?.content.querySelector("svg");
  remove.append(icon ? icon.cloneNode(true) : "×");
  remove.addEventListener("click", () => wishes.remove(mark));
  return [label, remove];
}
