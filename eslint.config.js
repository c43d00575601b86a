import { dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

const engine = resolve(dirname(fileURLToPath(import.meta.url)), 'src', 'engine');

/**
 * The rooms of the engine and what each may import besides itself and the files directly in src/engine that know nothing
 * (errors, random). Imports point up this list and never down.
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
  protocol: ['ibot', 'data', 'formats', 'evaluate', 'runs', 'inspect'],
  host: ['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate', 'runs', 'inspect', 'jobs', 'protocol'],
  cli: [
    ...['gpu', 'graph', 'ops', 'nn', 'ibot', 'data', 'formats', 'evaluate', 'reference', 'runs', 'inspect', 'jobs', 'protocol'],
    'host',
  ],
};
const knownToAll = ['errors', 'random'];

/** The folder under src/engine, or the file directly in it without its ending; undefined outside. */
function roomOf(path) {
  const inside = relative(engine, path);
  if (inside.startsWith('..') || resolve(engine, inside) !== path) return undefined;
  return inside.split(sep)[0].replace(/\.ts$/, '');
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
    return visitor((node, to) => report(node, from, to, allowed));

    function report(node, room, to, list) {
      if (to === undefined) context.report({ node, messageId: 'outside', data: { from: room } });
      else if (to !== room && !knownToAll.includes(to) && !list.includes(to)) {
        const names = [...list, ...knownToAll].join(', ');
        context.report({ node, messageId: 'direction', data: { from: room, to, allowed: names } });
      }
    }
    function visitor(check) {
      const look = (node) => {
        const source = node.source;
        if (source?.type !== 'Literal' || typeof source.value !== 'string' || !source.value.startsWith('.')) return;
        check(source, roomOf(resolve(dirname(context.filename), source.value)));
      };
      return { ImportDeclaration: look, ExportNamedDeclaration: look, ExportAllDeclaration: look, ImportExpression: look };
    }
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
  {
    files: ['src/engine/**/*.ts'],
    plugins: { engine: { rules: { 'import-direction': importDirection } } },
    rules: { 'engine/import-direction': 'error' },
  },
);
