import { readdirSync } from "node:fs";
import { defineConfig } from "vite";
import { iconSprite } from "./icons.ts";

const entries = readdirSync("src/pages").filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));

/** Every file in src/pages is an entry; its hashed address is in the manifest that assets.py reads. */
export default defineConfig({
  base: "/static/build/",
  publicDir: false,
  worker: { format: "es" },
  plugins: [iconSprite()],
  build: {
    target: "es2022",
    outDir: "../static/build",
    emptyOutDir: true,
    manifest: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4000,
    rollupOptions: { input: entries.map((file) => `src/pages/${file}`) },
  },
});
