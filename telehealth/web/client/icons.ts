import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const LUCIDE = "node_modules/lucide-static/icons";
const TEMPLATES = "../templates";
/** A quoted word that is not the value of an HTML attribute: the argument of a macro, or a part of a list. */
const WORD = /(?:icon=|[^="'\w])["']([a-z][a-z0-9-]*)["']/g;

function templates(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".html"))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
}

/** Names of lucide icons that templates mention. A word too many costs 300 bytes; a picture too few costs a picture. */
export function iconsIn(texts: string[]): string[] {
  const words = texts.flatMap((text) => [...text.matchAll(WORD)].map((match) => match[1] ?? ""));
  return [...new Set(words)].filter((name) => existsSync(join(LUCIDE, `${name}.svg`))).sort();
}

function symbol(name: string): string {
  const inside = readFileSync(join(LUCIDE, `${name}.svg`), "utf8").replace(/^[\s\S]*?<svg[^>]*>|<\/svg>\s*$/g, "");
  return `<symbol id="${name}" viewBox="0 0 24 24">${inside.replace(/\n\s*/g, "")}</symbol>`;
}

/** One hashed sprite of the icons that the templates use: assets.py finds it in the manifest. */
export function iconSprite(): Plugin {
  return {
    name: "icon-sprite",
    apply: "build",
    generateBundle() {
      const symbols = iconsIn(templates(TEMPLATES)).map(symbol).join("");
      this.emitFile({
        type: "asset",
        name: "icons.svg",
        originalFileName: "src/base/icons.svg",
        source: `<svg xmlns="http://www.w3.org/2000/svg">${symbols}</svg>`,
      });
    },
  };
}
