/** Marks over the picture: drawn as SVG, made and moved with mouse, finger or pen. Knows no server. */

import type { Mark, MarkKind, Point } from "./facts";
import { lines, POINTS } from "./measure";

const SVG = "http://www.w3.org/2000/svg";
const LINE_HEIGHT = 18;
const SMALLEST = 3;

export type Canvas = {
  toCanvas(point: Point): Point;
  toPicture(canvas: Point): Point | null;
};

export type Wishes = {
  made(kind: MarkKind, points: Point[]): void;
  moved(markId: string, points: Point[]): void;
  chosen(markId: string | null): void;
  /** What is being drawn, for its words. */
  preview(kind: MarkKind, points: readonly Point[]): Pick<Mark, "kind" | "measurements" | "label">;
};

export class Overlay {
  private readonly layer: Element;
  private marks: Mark[] = [];
  private kind: MarkKind | null = null;
  private drawing: Point[] = [];
  private grabbed: { markId: string; point: number } | null = null;
  private chosenId: string | null = null;

  constructor(
    private readonly svg: SVGSVGElement,
    private readonly canvas: Canvas,
    private readonly wishes: Wishes,
    private readonly editable: boolean,
  ) {
    this.layer = svg.querySelector("#drawn") ?? svg;
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.motion(event));
    svg.addEventListener("pointerup", (event) => this.up(event));
    svg.addEventListener("pointercancel", () => this.cancel());
  }

  show(marks: Mark[]): void {
    this.marks = marks;
    this.draw();
  }

  choose(markId: string | null): void {
    this.chosenId = markId;
    this.draw();
  }

  /** Draw marks of this kind next; null gives the pointer back to the picture. */
  use(kind: MarkKind | null): void {
    this.kind = kind;
    this.drawing = [];
    this.svg.classList.toggle("drawing", kind !== null);
    this.draw();
  }

  /** Forget what is half drawn. */
  cancel(): boolean {
    const had = this.drawing.length > 0 || this.grabbed !== null;
    this.drawing = [];
    this.grabbed = null;
    this.draw();
    return had;
  }

  private place(event: PointerEvent): Point | null {
    const box = this.svg.getBoundingClientRect();
    return this.canvas.toPicture([event.clientX - box.left, event.clientY - box.top]);
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const target = event.target as Element;
    const markId = target.closest<SVGGElement>("[data-mark]")?.dataset.mark ?? null;
    const handle = target.getAttribute("data-point");
    const at = this.place(event);
    if (!at) return;
    if (this.drawing.length === 0 && markId) {
      this.wishes.chosen(markId);
      if (this.editable && handle !== null) this.grabbed = { markId, point: Number(handle) };
      if (this.grabbed) this.svg.setPointerCapture(event.pointerId);
      event.preventDefault();
      return;
    }
    if (!this.kind) return;
    this.svg.setPointerCapture(event.pointerId);
    this.drawing = this.drawing.length === 0 ? [at, at] : [...this.drawing.slice(0, -1), at];
    event.preventDefault();
    this.draw();
  }

  private motion(event: PointerEvent): void {
    const at = this.place(event);
    if (!at) return;
    if (this.grabbed) {
      const { markId, point } = this.grabbed;
      this.marks = this.marks.map((mark) =>
        mark.mark_id === markId ? { ...mark, points: mark.points.map((old, i) => (i === point ? at : old)) } : mark,
      );
    } else if (this.drawing.length > 0) {
      this.drawing = [...this.drawing.slice(0, -1), at];
    } else return;
    this.draw();
  }

  private up(event: PointerEvent): void {
    if (this.svg.hasPointerCapture(event.pointerId)) this.svg.releasePointerCapture(event.pointerId);
    if (this.grabbed) {
      const moved = this.marks.find((mark) => mark.mark_id === this.grabbed?.markId);
      this.grabbed = null;
      if (moved) this.wishes.moved(moved.mark_id, moved.points);
      return;
    }
    if (!this.kind || this.drawing.length === 0) return;
    const [before, last] = this.drawing.slice(-2) as [Point, Point];
    if (this.apart(before, last) < SMALLEST) return; // a click: the next click sets the end
    if (this.drawing.length === POINTS[this.kind]) this.finish(this.kind);
    else {
      this.drawing = [...this.drawing, last]; // an angle's second arm follows the pointer
      this.draw();
    }
  }

  private finish(kind: MarkKind): void {
    const points = this.drawing;
    this.drawing = [];
    this.wishes.made(kind, points);
  }

  private apart(a: Point, b: Point): number {
    const [from, to] = [this.canvas.toCanvas(a), this.canvas.toCanvas(b)];
    return Math.hypot(to[0] - from[0], to[1] - from[1]);
  }

  draw(): void {
    const shapes = this.marks
      .filter((mark) => mark.kind !== "key_image")
      .map((mark) => this.group(mark, mark.points, mark.mark_id));
    if (this.kind && this.drawing.length > 1) {
      shapes.push(this.group(this.wishes.preview(this.kind, this.drawing), this.drawing, null));
    }
    this.layer.replaceChildren(...shapes);
  }

  private group(
    mark: Pick<Mark, "kind" | "measurements" | "label">,
    points: readonly Point[],
    id: string | null,
  ): SVGGElement {
    const placed = points.map((point) => this.canvas.toCanvas(point));
    const group = node("g", { class: id && id === this.chosenId ? "mark chosen" : "mark" }) as SVGGElement;
    if (id) group.dataset.mark = id;
    for (const layer of ["halo", "line"]) group.append(shape(mark.kind, placed, layer));
    placed.forEach(([x, y], index) => {
      group.append(node("circle", { class: "grip", cx: x, cy: y, r: 12, "data-point": index }));
      group.append(node("circle", { class: "handle", cx: x, cy: y, r: 4 }));
    });
    group.append(words(lines(mark), placed));
    return group;
  }
}

function shape(kind: MarkKind, points: Point[], layer: string): SVGElement {
  const [a = [0, 0], b = a] = points;
  if (kind === "rectangle" || kind === "ellipse") {
    const [x, y] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    const [width, height] = [Math.abs(b[0] - a[0]), Math.abs(b[1] - a[1])];
    if (kind === "rectangle") return node("rect", { class: layer, x, y, width, height });
    return node("ellipse", { class: layer, cx: x + width / 2, cy: y + height / 2, rx: width / 2, ry: height / 2 });
  }
  const path = points.map(([x, y]) => `${x},${y}`).join(" ");
  const end = kind === "arrow" && layer === "line" ? { "marker-start": "url(#arrow-head)" } : {};
  return node("polyline", { class: layer, points: path, ...end });
}

/** Beside the rightmost point, below it where there is no room above. */
function words(texts: string[], points: Point[]): SVGElement {
  const [x, y] = points.reduce((best, point) => (point[0] > best[0] ? point : best), points[0] ?? [0, 0]);
  const block = node("text", { class: "words", x: x + 10, y: Math.max(16, y - (texts.length - 1) * LINE_HEIGHT) });
  texts.forEach((text, index) => {
    const line = node("tspan", { x: x + 10, dy: index === 0 ? 0 : LINE_HEIGHT });
    line.textContent = text;
    block.append(line);
  });
  return block;
}

function node(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
