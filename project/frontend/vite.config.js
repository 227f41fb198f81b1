import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig } from "vite";

// Django finds `dist` as a directory of static files, so what lies in `dist/graphiql` is served under this address.
const outDir = "dist/graphiql";
const base = "/static/graphiql/";

// WhiteNoise sends `file.br` or `file.gz` in the place of `file` to browsers that take it.
const precompress = {
  name: "precompress",
  closeBundle() {
    for (const file of readdirSync(outDir).filter((name) => /\.(js|css)$/.test(name))) {
      const path = join(outDir, file);
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
      writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
    }
  },
};

export default defineConfig({
  base,
  plugins: [precompress],
  build: {
    outDir,
    assetsDir: "",
    target: "es2022",
    sourcemap: false,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2048,
  },
});
