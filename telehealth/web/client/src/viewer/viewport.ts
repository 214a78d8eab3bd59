/** Cornerstone3D behind a few words: show a stack, go to a picture, window, zoom, place points. */

import {
  Enums as CoreEnums,
  type Types as CoreTypes,
  cache,
  eventTarget,
  imageLoader,
  init as initCore,
  RenderingEngine,
  utilities,
} from "@cornerstonejs/core";
import { init as initLoader, wadors } from "@cornerstonejs/dicom-image-loader";
import {
  addTool,
  Enums,
  init as initTools,
  PanTool,
  StackScrollTool,
  ToolGroupManager,
  WindowLevelTool,
  ZoomTool,
} from "@cornerstonejs/tools";
import type { Picture } from "./dicomweb";
import type { Point } from "./facts";
import { behind, sharpenWhatIsShown } from "./levels";
import { windowOf } from "./presets";

export type Navigation = "scroll" | "window" | "zoom" | "pan";

const VIEWPORT = "reading";
const TOOLS = [StackScrollTool, WindowLevelTool, ZoomTool, PanTool] as const;
const TOOL_OF: Record<Navigation, string> = {
  scroll: StackScrollTool.toolName,
  window: WindowLevelTool.toolName,
  zoom: ZoomTool.toolName,
  pan: PanTool.toolName,
};
const { MouseBindings } = Enums;
const CACHE_BYTES = 512 * 1024 * 1024;
const PARALLEL = 4;

export type Watcher = {
  /** Another picture is shown. */
  shown(index: number): void;
  /** Zoom, pan or window changed, or the picture was drawn again. */
  drawn(): void;
  /** So many pictures of the series are here; `broken` of them cannot be shown. */
  loaded(done: number, total: number, broken: number): void;
};

export class Viewport {
  private pictures: Picture[] = [];
  private readonly broken = new Set<string>();
  private series = 0;

  private constructor(
    private readonly element: HTMLDivElement,
    private readonly engine: RenderingEngine,
    private readonly watcher: Watcher,
  ) {}

  static async open(element: HTMLDivElement, watcher: Watcher): Promise<Viewport> {
    initCore();
    initLoader({ maxWebWorkers: 2 });
    initTools();
    sharpenWhatIsShown();
    cache.setMaxCacheSize(CACHE_BYTES);
    const engine = new RenderingEngine("reading-room");
    engine.enableElement({ viewportId: VIEWPORT, element, type: CoreEnums.ViewportType.STACK });
    const viewport = new Viewport(element, engine, watcher);
    viewport.listen();
    group(engine.id);
    viewport.navigate("scroll");
    return viewport;
  }

  private listen(): void {
    const { Events } = CoreEnums;
    this.element.addEventListener(Events.STACK_NEW_IMAGE, () => this.watcher.shown(this.index));
    this.element.addEventListener(Events.IMAGE_RENDERED, () => this.watcher.drawn());
    this.element.addEventListener(Events.CAMERA_MODIFIED, () => this.watcher.drawn());
    this.element.addEventListener(Events.VOI_MODIFIED, () => this.watcher.drawn());
    for (const failure of [Events.IMAGE_LOAD_ERROR, Events.IMAGE_LOAD_FAILED]) {
      const note = (event: Event) => this.fail((event as CustomEvent<{ imageId?: string }>).detail?.imageId);
      this.element.addEventListener(failure, note);
      eventTarget.addEventListener(failure, note as EventListener);
    }
    new ResizeObserver(() => this.engine.resize(true, true)).observe(this.element);
  }

  private get stack(): CoreTypes.IStackViewport {
    return this.engine.getViewport(VIEWPORT) as CoreTypes.IStackViewport;
  }

  get index(): number {
    return this.stack.getCurrentImageIdIndex();
  }

  get picture(): Picture | null {
    return this.pictures.length > 0 ? (this.pictures[this.index] ?? null) : null;
  }

  isBroken(picture: Picture): boolean {
    return this.broken.has(picture.imageId);
  }

  /** Show a series at one of its pictures and fetch the others behind it. */
  async show(pictures: Picture[], index = 0): Promise<void> {
    this.series += 1;
    this.pictures = pictures;
    for (const picture of pictures) wadors.metaDataManager.add(picture.imageId, picture.metadata as never);
    const start = Math.min(index, pictures.length - 1);
    try {
      await this.stack.setStack(
        pictures.map((picture) => picture.imageId),
        start,
      );
      this.stack.resetCamera();
      this.stack.render();
    } catch {
      this.fail(pictures[start]?.imageId);
    }
    this.watcher.shown(start);
    void this.fetchAll(this.series, start);
  }

  /** Neighbours of the first picture first, a few at a time. A picture that fails is noted, the others go on. */
  private async fetchAll(series: number, start: number): Promise<void> {
    const waiting = [...this.pictures].sort(
      (a, b) => Math.abs(this.pictures.indexOf(a) - start) - Math.abs(this.pictures.indexOf(b) - start),
    );
    const total = waiting.length;
    let done = 0;
    const fetchNext = async (): Promise<void> => {
      for (let next = waiting.shift(); next && series === this.series; next = waiting.shift()) {
        try {
          await imageLoader.loadAndCacheImage(next.imageId, behind);
        } catch {
          this.fail(next.imageId);
        }
        done += 1;
        if (series === this.series) this.watcher.loaded(done, total, this.brokenHere());
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, fetchNext));
  }

  private brokenHere(): number {
    return this.pictures.filter((picture) => this.isBroken(picture)).length;
  }

  private fail(imageId: string | undefined): void {
    if (!imageId || this.broken.has(imageId)) return;
    this.broken.add(imageId);
    this.watcher.shown(this.index);
  }

  go(index: number): void {
    const last = this.pictures.length - 1;
    const wanted = Math.min(last, Math.max(0, index));
    if (last < 0) return;
    void this.stack.setImageIdIndex(wanted).catch(() => this.fail(this.pictures[wanted]?.imageId));
  }

  /** The wheel always scrolls, the right button zooms, the middle pans, two fingers zoom and pan. */
  navigate(by: Navigation | null): void {
    const tools = ToolGroupManager.getToolGroup(VIEWPORT);
    if (!tools) return;
    for (const name of Object.values(TOOL_OF)) tools.setToolPassive(name, { removeAllBindings: true });
    const bindings: Record<Navigation, { mouseButton?: number; numTouchPoints?: number }[]> = {
      scroll: [{ mouseButton: MouseBindings.Wheel }],
      window: [],
      zoom: [{ mouseButton: MouseBindings.Secondary }, { numTouchPoints: 2 }],
      pan: [{ mouseButton: MouseBindings.Auxiliary }],
    };
    if (by) bindings[by].unshift({ mouseButton: MouseBindings.Primary }, { numTouchPoints: 1 });
    for (const [way, bound] of Object.entries(bindings) as [Navigation, { mouseButton?: number }[]][]) {
      if (bound.length > 0) tools.setToolActive(TOOL_OF[way], { bindings: bound as never });
    }
  }

  window(range: { lower: number; upper: number }): void {
    this.stack.setProperties({ voiRange: range });
    this.stack.render();
  }

  get currentWindow(): { centre: number; width: number } | null {
    const range = this.pictures.length > 0 ? this.stack.getProperties().voiRange : undefined;
    return range ? windowOf(range) : null;
  }

  invert(): void {
    this.stack.setProperties({ invert: !this.stack.getProperties().invert });
    this.stack.render();
  }

  zoomBy(factor: number): void {
    this.stack.setZoom(Math.min(20, Math.max(0.2, this.stack.getZoom() * factor)));
    this.stack.render();
  }

  get zoom(): number {
    return this.stack.getZoom();
  }

  reset(): void {
    this.stack.resetProperties();
    this.stack.resetCamera();
    this.stack.render();
  }

  /** A place on the element, in CSS pixels, as a place on the picture (centre of the first pixel at 0, 0). */
  toPicture(canvas: readonly [number, number]): Point | null {
    const image = this.image;
    if (!image) return null;
    const [column = 0, row = 0] = utilities.transformWorldToIndexContinuous(
      image,
      this.stack.canvasToWorld([...canvas]),
    );
    return [column, row];
  }

  toCanvas([column, row]: Point): Point {
    const image = this.image;
    if (!image) return [0, 0];
    return this.stack.worldToCanvas(utilities.transformIndexToWorld(image, [column, row, 0]) as CoreTypes.Point3);
  }

  private get image() {
    return this.pictures.length > 0 ? this.stack.getImageData()?.imageData : undefined;
  }
}

function group(engineId: string): void {
  for (const tool of TOOLS) addTool(tool);
  const tools = ToolGroupManager.createToolGroup(VIEWPORT);
  for (const tool of TOOLS) tools?.addTool(tool.toolName);
  tools?.addViewport(VIEWPORT, engineId);
}
