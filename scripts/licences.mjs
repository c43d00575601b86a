/**
 * `npm run licences [-- --check]`: writes docs/licences.md from package-lock.json and the packages installed; with --check it
 * only says whether the file is up to date. A licence that nobody has looked at yet is refused: think first, then add it below.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runScript, SetUpError } from './set-up.mjs';

const PAGE = join(root, 'docs', 'licences.md');

/** Nothing is asked but to keep the notice. */
const permissive = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0'];

/** Licences that ask for more, and for which packages that was thought about. */
const considered = [
  {
    licence: 'MPL-2.0',
    name: /^lightningcss(-|$)/,
    development: true,
    why: 'used unchanged by the build tool alone, and no part of the program',
  },
  {
    licence: 'MPL-2.0',
    name: /^axe-core$/,
    development: true,
    why: 'axe, used unchanged by the accessibility tests alone, and no part of the program',
  },
  {
    licence: 'CC-BY-4.0',
    name: /^caniuse-lite$/,
    development: true,
    why: 'facts about browsers that a build tool looks up, and no part of the program',
  },
  {
    licence: 'OFL-1.1',
    name: /^@fontsource(-variable)?\//,
    why: 'the typefaces Inter and JetBrains Mono, bundled unchanged, which the licence allows with any program',
  },
  {
    licence: 'LGPL-3.0-or-later',
    name: /^@img\/sharp-(libvips|win32|wasm32)/,
    why: 'libvips, which sharp decodes pictures with: a library of its own beside the program, unchanged and replaceable',
  },
];

await runScript(async () => {
  const packages = readPackages();
  const refused = packages.filter((each) => !allowed(each)).map(({ name, version, licence }) => `${name} ${version}: ${licence}`);
  if (refused.length > 0) {
    throw new SetUpError(`Licences that are not on the list in scripts/licences.mjs:\n  ${refused.join('\n  ')}`);
  }
  const text = page(packages);
  if (process.argv.includes('--check')) {
    if (existsSync(PAGE) && readFileSync(PAGE, 'utf8') === text) return 0;
    throw new SetUpError('docs/licences.md is not up to date: npm run licences');
  }
  writeFileSync(PAGE, text);
  process.stderr.write(`${packages.length} packages in docs/licences.md\n`);
  return 0;
});

/** Every package of the lock file, those for other systems too; each name and version once. */
function readPackages() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const found = new Map();
  for (const [path, entry] of Object.entries(packages)) {
    if (path === '' || entry.link) continue;
    const name = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const { version } = entry;
    const key = `${name} ${version}`;
    // In several places: used by the program if any of them is.
    const development = Boolean(entry.dev || entry.devOptional) && (found.get(key)?.development ?? true);
    found.set(key, { name, version, licence: licenceOf(path, entry), development });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
}

/** What an installed package says itself; the lock file's word for those of other systems, which are not installed. */
function licenceOf(path, { license }) {
  const own = join(root, path, 'package.json');
  const said = existsSync(own) ? JSON.parse(readFileSync(own, 'utf8')).license : undefined;
  const plain = typeof said === 'object' ? said?.type : said;
  if (plain && license && plain !== license) return `${plain} by the package, ${license} by the lock file`;
  return plain ?? license ?? licenceFile(path) ?? 'not stated';
}

/** Some packages say it in the file alone. */
function licenceFile(path) {
  const file = join(root, path, 'LICENSE');
  return existsSync(file) && readFileSync(file, 'utf8').startsWith('MIT License\n') ? 'MIT' : undefined;
}

/** Every part of an `A AND B`, or one of an `A OR B`. */
function allowed({ name, licence, development }) {
  const one = (term) =>
    permissive.includes(term) ||
    considered.some((each) => each.licence === term && each.name.test(name) && (development || !each.development));
  const plain = licence.replace(/^\((.*)\)$/, '$1');
  return plain.split(' OR ').some((option) => option.split(' AND ').every(one));
}

function page(packages) {
  const table = (rows) => ['| package | version | licence |', '| --- | --- | --- |', ...rows.map((each) => line(each))];
  const line = ({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`;
  const used = packages.filter(({ development }) => !development);
  const forDevelopment = packages.filter(({ development }) => development);
  return [
    '# Licences',
    '',
    '<!-- Written by `npm run licences` from package-lock.json; do not edit. -->',
    'iBOT Workbench itself is under the Apache License 2.0 (`LICENSE`, `NOTICE`). These are the packages that it uses, with what',
    'each says about itself; packages for other systems than the one at hand are listed too. All licences are permissive but',
    '',
    ...considered.map(({ licence, why }) => `- ${licence}: ${why}.`),
    '',
    '## Used by the program',
    '',
    ...table(used),
    '',
    '## Used to build and test it',
    '',
    ...table(forDevelopment),
    '',
    '## Fetched where there is no graphics driver',
    '',
    'On Linux machines without a usable driver the program fetches a software device into its cache: Mesa (lavapipe) and the',
    'libraries it needs as packages of the distribution, or SwiftShader out of an Electron runtime that is a package of npm. They',
    'are no part of this repository and come with their own licences.',
    '',
  ].join('\n');
}
