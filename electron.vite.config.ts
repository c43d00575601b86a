import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';

/** Where the three parts go; set-up builds beside the old build and swaps them. */
const target = process.env.IBOT_DESKTOP_OUT ?? join('out', 'desktop');
const cjs = { format: 'cjs' as const, entryFileNames: '[name].cjs' };

// The oldest runtime that it has to run in is Electron 25: Node 18, Chrome 114. The official one is much newer.
export default defineConfig({
  main: {
    build: {
      outDir: join(target, 'main'),
      target: 'node18',
      externalizeDeps: false,
      sourcemap: true,
      rolldownOptions: { input: { index: join('src', 'main', 'index.ts') }, output: cjs },
    },
  },
  preload: {
    build: {
      outDir: join(target, 'preload'),
      target: 'node18',
      externalizeDeps: false,
      rolldownOptions: { input: { preload: join('src', 'main', 'preload.ts') }, output: cjs },
    },
  },
  renderer: {
    root: join('src', 'renderer'),
    plugins: [svelte({ configFile: false, compilerOptions: { runes: true } })],
    build: {
      outDir: join(target, 'renderer'),
      target: 'chrome114',
      cssTarget: 'chrome114',
      modulePreload: { polyfill: false },
      sourcemap: true,
      // Fonts and icons are files of their own: the content-security policy allows no data: addresses but for pictures.
      assetsInlineLimit: 0,
      rolldownOptions: { input: { index: join('src', 'renderer', 'index.html') } },
    },
  },
});
