/** Entry of the reading room and of the read-only image pages. */

import "../viewer/viewer.css";
import { island, need } from "../lib/dom";
import { loadTexts, t } from "../lib/i18n";
import { Refused } from "../lib/problem";
import { framesPerSecond, type Picture, picturesOf, type Series, seriesOf } from "../viewer/dicomweb";
import type { Mark, MarkKind, Point, ViewerFacts } from "../viewer/facts";
import { Marks } from "../viewer/marks";
import { preview } from "../viewer/measure";
import { Overlay } from "../viewer/overlay";
import { CT_PRESETS, rangeOf } from "../viewer/presets";
import { markSeries, showBroken, showCorners, showLoading, showMarks, showSaving, showSeries } from "../viewer/view";
import { type Navigation, Viewport } from "../viewer/viewport";

const NAVIGATION: readonly string[] = ["scroll", "window", "zoom", "pan"];
const KEYS: Record<string, string> = {
  s: "scroll",
  w: "window",
  z: "zoom",
  p: "pan",
  l: "length",
  a: "angle",
  r: "rectangle",
  e: "ellipse",
  m: "arrow",
};

class Room {
  private series: Series[] = [];
  private current: Series | null = null;
  private pictures: Picture[] = [];
  private tool = "scroll";
  private chosen: string | null = null;
  private playing: ReturnType<typeof setInterval> | null = null;
  private readonly marks: Marks;
  private readonly overlay: Overlay;
  private viewport!: Viewport;

  constructor(
    private readonly facts: ViewerFacts,
    me: string,
  ) {
    this.marks = new Marks({ name: me }, () => this.marksChanged());
    this.overlay = new Overlay(
      need<SVGSVGElement & HTMLElement>("#overlay"),
      { toCanvas: (point) => this.viewport.toCanvas(point), toPicture: (at) => this.viewport.toPicture(at) },
      {
        made: (kind, points) => this.made(kind, points),
        moved: (markId, points) => this.marks.move(markId, points, this.viewport.picture?.spacing ?? null),
        chosen: (markId) => this.choose(markId),
        preview: (kind, points) => ({
          kind,
          label: "",
          measurements: preview(kind, points, this.viewport.picture?.spacing ?? null),
        }),
      },
      facts.may_annotate,
    );
  }

  async open(): Promise<void> {
    this.viewport = await Viewport.open(need<HTMLDivElement>("#viewport"), {
      shown: () => this.shown(),
      drawn: () => this.drawn(),
      loaded: showLoading,
    });
    this.listen();
    const studies = this.facts.studies.map(({ uid }) => uid);
    const [lists] = await Promise.all([
      Promise.all(studies.map(seriesOf)),
      ...studies.map((uid) => this.marks.load(uid).catch((error) => this.say(error))),
    ]);
    this.series = lists.flat();
    showSeries(this.series, (series) => void this.openSeries(series));
    const first = this.series.find((one) => one.modality !== "SR") ?? this.series[0];
    if (first) await this.openSeries(first);
    else this.notice(t("There are no images here yet"));
  }

  private async openSeries(series: Series, at = 0): Promise<void> {
    this.stop();
    this.current = series;
    markSeries(series.uid);
    this.notice(t("Loading…"));
    try {
      this.pictures = await picturesOf(series);
    } catch (error) {
      this.say(error);
      return;
    }
    if (this.current !== series) return;
    this.notice(this.pictures.length > 0 ? "" : t("This series has no images to show"));
    if (this.pictures.length === 0) return;
    await this.viewport.show(this.pictures, at);
    need("#presets").hidden = series.modality !== "CT";
    need("#cine").hidden = this.pictures.length < 2 || this.pictures[0]?.sopUid !== this.pictures.at(-1)?.sopUid;
    const slider = need<HTMLInputElement>("#slider");
    slider.max = String(this.pictures.length);
    slider.hidden = this.pictures.length < 2;
    this.shown();
  }

  private notice(text: string): void {
    const place = need("#notice");
    place.textContent = text;
    place.hidden = text === "";
  }

  private say(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    this.notice(error.status === 0 ? t("No connection") : error.problem.title);
  }

  private shown(): void {
    const picture = this.viewport.picture;
    if (!picture) return;
    need<HTMLInputElement>("#slider").value = String(this.viewport.index + 1);
    showBroken(this.viewport.isBroken(picture));
    this.overlay.show(this.marks.on(picture.sopUid, picture.frame));
    this.drawn();
    this.toolbar();
  }

  private drawn(): void {
    const picture = this.viewport?.picture;
    if (!picture) return;
    showCorners(this.viewport, picture, this.pictures.length);
    this.overlay.draw();
  }

  private made(kind: MarkKind, points: Point[]): void {
    const picture = this.viewport.picture;
    if (!picture || !this.current) return;
    const place = {
      studyUid: this.current.studyUid,
      series_uid: this.current.uid,
      sop_uid: picture.sopUid,
      frame: picture.frame,
    };
    this.chosen = this.marks.add(place, kind, points, picture.spacing).mark_id;
    this.marksChanged();
  }

  private get keyMark(): Mark | undefined {
    const picture = this.viewport.picture;
    return picture ? this.marks.on(picture.sopUid, picture.frame).find((mark) => mark.kind === "key_image") : undefined;
  }

  private toggleKeyImage(): void {
    const there = this.keyMark;
    if (there) this.marks.remove(there.mark_id);
    else this.made("key_image", []);
  }

  private marksChanged(): void {
    const picture = this.viewport?.picture;
    if (picture) this.overlay.show(this.marks.on(picture.sopUid, picture.frame));
    this.overlay.choose(this.chosen);
    showMarks(this.marks.all, this.chosen, this.facts.may_annotate, {
      go: (mark) => void this.goTo(mark),
      remove: (mark) => this.marks.remove(mark.mark_id),
      name: (mark, label) => this.marks.name(mark.mark_id, label),
    });
    if (this.facts.may_annotate) showSaving(this.marks.saving, this.marks.problem);
    if (picture) this.toolbar();
  }

  private choose(markId: string | null): void {
    this.chosen = markId;
    this.marksChanged();
  }

  private async goTo(mark: Mark): Promise<void> {
    const series = this.series.find((one) => one.uid === mark.series_uid);
    if (!series) return;
    if (this.current !== series) await this.openSeries(series);
    const index = this.pictures.findIndex((one) => one.sopUid === mark.sop_uid && one.frame === mark.frame);
    if (index >= 0) this.viewport.go(index);
    this.choose(mark.mark_id);
  }

  private use(tool: string): void {
    this.tool = tool;
    const navigates = NAVIGATION.includes(tool);
    this.viewport.navigate(navigates ? (tool as Navigation) : null);
    this.overlay.use(navigates ? null : (tool as MarkKind));
    this.toolbar();
  }

  private toolbar(): void {
    for (const button of document.querySelectorAll<HTMLElement>("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === this.tool));
    }
    const key = document.querySelector("[data-do=key]");
    key?.setAttribute("aria-pressed", String(this.keyMark !== undefined));
  }

  private stop(): void {
    if (this.playing) clearInterval(this.playing);
    this.playing = null;
    need("#cine").setAttribute("aria-pressed", "false");
  }

  private play(): void {
    const first = this.pictures[0];
    if (this.playing || !first) {
      this.stop();
      return;
    }
    need("#cine").setAttribute("aria-pressed", "true");
    const step = () => this.viewport.go((this.viewport.index + 1) % this.pictures.length);
    this.playing = setInterval(step, 1000 / framesPerSecond(first.metadata));
  }

  private readonly deeds: Record<string, () => void> = {
    reset: () => this.viewport.reset(),
    invert: () => this.viewport.invert(),
    key: () => this.facts.may_annotate && this.toggleKeyImage(),
    play: () => this.play(),
    keys: () => need<HTMLDialogElement>("#keys").showModal(),
    "zoom-in": () => this.viewport.zoomBy(1.25),
    "zoom-out": () => this.viewport.zoomBy(0.8),
  };

  private listen(): void {
    for (const button of document.querySelectorAll<HTMLElement>("[data-tool]")) {
      button.addEventListener("click", () => this.use(button.dataset.tool ?? "scroll"));
    }
    for (const button of document.querySelectorAll<HTMLElement>("[data-do]")) {
      button.addEventListener("click", () => this.deeds[button.dataset.do ?? ""]?.());
    }
    const presets = need<HTMLSelectElement>("#presets select");
    presets.addEventListener("change", () => this.preset(presets.value));
    const slider = need<HTMLInputElement>("#slider");
    slider.addEventListener("input", () => this.viewport.go(Number(slider.value) - 1));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("beforeunload", (event) => {
      if (this.facts.may_annotate && this.marks.saving !== "saved") event.preventDefault();
    });
  }

  private preset(id: string): void {
    const preset = CT_PRESETS.find((one) => one.id === id);
    if (!preset) return;
    need<HTMLSelectElement>("#presets select").value = id;
    this.viewport.window(rangeOf(preset));
  }

  private key(event: KeyboardEvent): void {
    const writing = (event.target as Element).closest("input:not([type=range]), textarea, select, dialog[open]");
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.act(event.key)) event.preventDefault();
  }

  /** Whether the key means something here. */
  private act(key: string): boolean {
    const pages: Record<string, number> = {
      ArrowDown: 1,
      ArrowRight: 1,
      ArrowUp: -1,
      ArrowLeft: -1,
      PageDown: 10,
      PageUp: -10,
    };
    const deeds: Record<string, string> = {
      "0": "reset",
      i: "invert",
      k: "key",
      " ": "play",
      "?": "keys",
      "+": "zoom-in",
      "-": "zoom-out",
    };
    const preset = /^[1-6]$/.test(key) ? CT_PRESETS[Number(key) - 1] : undefined;
    const tool = KEYS[key.toLowerCase()];
    if (pages[key]) this.viewport.go(this.viewport.index + pages[key]);
    else if (key === "Home") this.viewport.go(0);
    else if (key === "End") this.viewport.go(this.pictures.length - 1);
    else if (key === " " && document.activeElement?.closest("button, summary, a")) return false;
    else if (deeds[key]) this.deeds[deeds[key]]?.();
    else if (preset && this.current?.modality === "CT") this.preset(preset.id);
    else if (tool && document.querySelector(`[data-tool=${tool}]`)) this.use(tool);
    else if (key === "Escape") return this.overlay.cancel();
    else if ((key === "Delete" || key === "Backspace") && this.chosen && this.facts.may_annotate)
      this.marks.remove(this.chosen);
    else return false;
    return true;
  }
}

loadTexts("viewer-texts");
const facts = island<ViewerFacts>("viewer-facts");
void new Room(facts, need("#viewer").dataset.me ?? "").open();
