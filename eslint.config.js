import { isBuiltin } from 'node:module';
import { dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import svelte from 'eslint-plugin-svelte';
import tseslint from 'typescript-eslint';

const source = resolve(dirname(fileURLToPath(import.meta.url)), 'src');
const engine = resolve(source, 'engine');

/**
 * The rooms of the engine and what each may import besides itself and the files directly in src/engine that know nothing
 * (errors, launcher, random, version). Imports point up this list and never down.
 */
const mayImport = {
  gpu: [],
  graph: ['gpu'],
  ops: ['gpu', 'graph'],
  nn: ['gpu', 'graph', 'ops'],
  formats: [],
  data: ['formats'],
  ibot: ['gpu', 'graph', 'ops', 'nn', 'data', 'formats'],
  evaluate: ['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats'],
  reference: ['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate'],
  runs: ['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate'],
  inspect: ['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate', 'runs'],
  jobs: ['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate', 'runs', 'inspect', 'protocol'],
  protocol: [],
  host: ['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate', 'runs', 'inspect', 'jobs', 'protocol'],
  supervise: ['protocol'],
  serve: ['formats', 'protocol', 'supervise'],
  cli: [
    ...['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate', 'reference', 'runs', 'inspect', 'jobs', 'protocol'],
    ...['host', 'serve'],
  ],
};
const knownToAll = ['errors', 'launcher', 'random', 'version'];

/** The first folder under `base`, or the file directly in it without its ending; undefined outside. */
function firstPart(base, path) {
  const inside = relative(base, path);
  if (inside.startsWith('..') || resolve(base, inside) !== path) return undefined;
  return inside.split(sep)[0].replace(/\.ts$/, '');
}
const roomOf = (path) => firstPart(engine, path);

/** Calls `check` with each place that names a module, and that name. */
function onImports(check) {
  const look = (node) => {
    if (node.source?.type === 'Literal' && typeof node.source.value === 'string') check(node.source, node.source.value);
  };
  return { ImportDeclaration: look, ExportNamedDeclaration: look, ExportAllDeclaration: look, ImportExpression: look };
}

const importDirection = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      direction: '{{from}} may not import {{to}}: it may import {{allowed}} (see mayImport in eslint.config.js).',
      outside: '{{from}} belongs to the engine, which imports nothing from outside src/engine.',
      unknown: 'src/engine/{{from}} has no place in mayImport in eslint.config.js yet: say there what it may import.',
    },
  },
  create(context) {
    const from = roomOf(context.filename);
    const allowed = knownToAll.includes(from) ? [] : mayImport[from];
    if (!allowed) return { Program: (node) => context.report({ node, messageId: 'unknown', data: { from } }) };
    return onImports((node, name) => {
      if (!name.startsWith('.')) return;
      const to = roomOf(resolve(dirname(context.filename), name));
      if (to === undefined) context.report({ node, messageId: 'outside', data: { from } });
      else if (to !== from && !knownToAll.includes(to) && !allowed.includes(to)) {
        const names = [...allowed, ...knownToAll].join(', ');
        context.report({ node, messageId: 'direction', data: { from, to, allowed: names } });
      }
    });
  },
};

/**
 * Around the contract: the window and the desktop's main process know the engine by src/engine/protocol.ts and its folder alone
 * (main also by src/engine/supervise, which starts it), and not each other; the window knows neither Node nor Electron; the contract imports no package but those it is written in.
 */
const contractOnly = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      engine: '{{from}} knows the engine by its contract alone: import src/engine/protocol, or ask the engine.',
      other: '{{from}} and {{to}} know each other by the contract alone (src/engine/protocol).',
      package: '{{from}} may not import {{name}}.',
    },
  },
  create(context) {
    const part = firstPart(source, context.filename);
    const from = part === 'engine' ? 'protocol' : part;
    return onImports((node, name) => {
      if (!name.startsWith('.')) {
        if (mayNotImport[from]?.(name)) context.report({ node, messageId: 'package', data: { from, name } });
        return;
      }
      if (from === 'protocol') return;
      const path = resolve(dirname(context.filename), name);
      const to = firstPart(source, path);
      if (to === 'engine' ? !mayKnow[from].includes(roomOf(path)) : to !== part) {
        const messageId = to === 'engine' ? 'engine' : 'other';
        context.report({ node, messageId, data: { from, to: to ?? 'what is outside src' } });
      }
    });
  },
};
const mayKnow = { main: ['protocol', 'supervise'], renderer: ['protocol'] };
const mayNotImport = {
  protocol: (name) => !['zod', 'msgpackr'].includes(name),
  renderer: (name) => name === 'electron' || name.startsWith('electron/') || name.startsWith('node:') || isBuiltin(name),
};

/** The rooms of the window and what each may import besides itself. A view imports no other view: what several need stands above them. */
const windowMayImport = {
  components: [],
  state: [],
  charts: ['components', 'state'],
  curves: ['components', 'state', 'charts'],
  frame: ['components', 'state'],
  views: ['components', 'state', 'charts', 'curves', 'frame'],
};
const renderer = resolve(source, 'renderer');
const viewOf = (path) => firstPart(resolve(renderer, 'views'), path);

const windowDirection = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      direction: '{{from}} may not import {{to}} (see windowMayImport in eslint.config.js).',
      view: 'The view {{from}} may not import the view {{to}}: what both need stands in {{rooms}}.',
    },
  },
  create(context) {
    const from = firstPart(renderer, context.filename);
    const allowed = windowMayImport[from];
    const view = viewOf(context.filename);
    return onImports((node, name) => {
      if (!allowed || !name.startsWith('.')) return;
      const path = resolve(dirname(context.filename), name);
      const to = firstPart(renderer, path);
      const rooms = windowMayImport.views.join(', ');
      if (view !== undefined && to === from && viewOf(path) !== view) {
        context.report({ node, messageId: 'view', data: { from: view, to: viewOf(path), rooms } });
      } else if (to !== undefined && to !== from && !allowed.includes(to)) context.report({ node, messageId: 'direction', data: { from, to } });
    });
  },
};

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a thing has the same name everywhere.',
};
const noFileExtension = {
  selector: ':matches(ImportDeclaration, ExportNamedDeclaration, ExportAllDeclaration)[source.value=/^[.].*[.][jt]s$/]',
  message: 'Import without the file extension.',
};

const ownTemporaryFolder = {
  selector: 'ImportSpecifier[imported.name=/^mkdtemp/]',
  message: 'Take temporaryFolder() from test/support: what it makes is removed after the test file.',
};

export default tseslint.config(
  { ignores: ['node_modules/', 'out/', 'test/artefacts/', '**/.cache/'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'smart'],
    },
  },
  { files: ['src/**/*.ts', 'test/**/*.ts'], rules: { 'no-restricted-syntax': ['error', noDefaultExport, noFileExtension] } },
  {
    files: ['test/**/*.ts'],
    ignores: ['test/support/temporary-folder.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, noFileExtension, ownTemporaryFolder] },
  },
  { files: ['src/**/*.ts'], ignores: ['src/engine/cli/**'], rules: { 'no-console': 'error' } },
  ...svelte.configs.base,
  {
    files: ['src/renderer/**/*.svelte', 'src/renderer/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
  },
  {
    files: ['src/main/**/*.ts', 'src/renderer/**/*.{ts,svelte}', 'src/engine/protocol.ts', 'src/engine/protocol/**/*.ts'],
    plugins: { contract: { rules: { only: contractOnly } } },
    rules: { 'contract/only': 'error' },
  },
  {
    files: ['src/renderer/**/*.{ts,svelte}'],
    // It loads views when they are first opened.
    ignores: ['src/renderer/state/router.svelte.ts'],
    plugins: { window: { rules: { 'import-direction': windowDirection } } },
    rules: { 'window/import-direction': 'error' },
  },
  {
    files: ['src/engine/**/*.ts'],
    plugins: { engine: { rules: { 'import-direction': importDirection } } },
    rules: { 'engine/import-direction': 'error' },
  },
);
