// build.mjs FOLDER: bundles the command and the page into FOLDER.
import { build } from 'esbuild';

const folder = process.argv[2];
await build({
  entryPoints: ['src/command.ts'],
  outfile: `${folder}/command.mjs`,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
});
await build({
  entryPoints: { page: 'src/page/index.tsx' },
  outdir: folder,
  bundle: true,
  format: 'iife',
  minify: true,
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.woff2': 'dataurl', '.woff': 'empty', '.ttf': 'dataurl', '.svg': 'dataurl' },
  // Editors and maps, which no panel has, are most of what the components would bring.
  alias: Object.fromEntries(['monaco-editor', '@monaco-editor/react', 'ol/format/WKT'].map((name) => [name, './src/page/nothing.cjs'])),
  logLevel: 'warning',
});
