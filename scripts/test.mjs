/**
 * `npm test [-- FILTER …]`: type check, lint and all tests, then a line `N passed, N failed` counted from their results (type
 * check and lint count as one each). With filters: only those tests.
 * `--full` adds what takes long, and the reference cases once more on SwiftShader. `--watch` repeats tests as files change.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineEnvironment, root, runNode, runScript, setUp } from './set-up.mjs';

const tool = {
  tsc: join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
  svelteCheck: join(root, 'node_modules', 'svelte-check', 'bin', 'svelte-check'),
  eslint: join(root, 'node_modules', 'eslint', 'bin', 'eslint.js'),
  vitest: join(root, 'node_modules', 'vitest', 'vitest.mjs'),
};
const svelteCheckWords = ['--tsconfig', join(root, 'src', 'renderer', 'tsconfig.json'), '--fail-on-warnings', '--output', 'human'];

await runScript(async () => {
  process.chdir(root);
  const full = process.argv.includes('--full');
  const watch = process.argv.includes('--watch');
  const filters = process.argv.slice(2).filter((each) => each !== '--full' && each !== '--watch');
  // A broken engine is for the type check and the tests to tell, so only what the tests themselves need is built here.
  const environment = await setUp(['driver']);
  if (full) environment.IBOT_TEST_FULL = '1';
  if (watch) return runNode([tool.vitest, 'watch', ...filters], environment);

  const total = { passed: 0, failed: 0 };
  const add = ({ passed, failed }) => {
    total.passed += passed;
    total.failed += failed;
  };
  if (filters.length === 0) {
    add(await check('Type check', [tool.tsc, '--noEmit', '-p', root]));
    add(await check('Type check of the main process', [tool.tsc, '--noEmit', '-p', join(root, 'src', 'main')]));
    add(await check('Check of the window', [tool.svelteCheck, ...svelteCheckWords]));
    add(await check('Lint', [tool.eslint, '--max-warnings=0', root]));
  }
  add(await test(filters, environment));
  if (full && filters.length === 0) {
    process.stdout.write('The reference cases on SwiftShader:\n');
    const onSwiftShader = await engineEnvironment('swiftshader');
    add(await test(['test/reference'], { ...onSwiftShader, IBOT_DRIVER: 'swiftshader', IBOT_TEST_FULL: '1' }));
  }
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  return total.failed > 0 ? 1 : 0;
});

async function check(name, parameters) {
  const status = await runNode(parameters, process.env);
  process.stdout.write(`${name}: ${status === 0 ? 'passed' : `failed (status ${status})`}\n`);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

/** Runs vitest and counts its results; a file that does not load, and a run that ends without a report, count as failed. */
async function test(filters, environment) {
  const folder = mkdtempSync(join(tmpdir(), 'ibot-test-'));
  const report = join(folder, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const status = await runNode([tool.vitest, 'run', ...reporters, ...filters], environment);
    return count(report, status);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function count(report, status) {
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { passed: 0, failed: 1 };
  }
  const notLoaded = result.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const failed = result.numFailedTests + notLoaded.length;
  // Errors outside of any test (an unhandled rejection, a worker that died) show in the status alone.
  return { passed: result.numPassedTests, failed: failed === 0 && status !== 0 ? 1 : failed };
}
