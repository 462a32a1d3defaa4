// Finds a Chromium for tests, screenshots and frame times: CHROMIUM_PATH, then the one that `npm ci` brings (Linux x64), then the
// system's. Resolve it once, in the main process: the first call unpacks the bundled browser into the system's temporary folder.
import { existsSync } from 'node:fs';

const SYSTEM_PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/**
 * What playwright-core's `chromium.launch` needs. Throws with what to do when there is no browser.
 * @returns {Promise<{ executablePath: string, args: string[], env: Record<string, string> }>}
 */
export async function chromiumLaunchOptions() {
  const executablePath = await findChromium();
  /** @type {Record<string, string>} */
  const env = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  // Without a locale the browser's language is "en-US@posix", and its Intl throws.
  env['LANG'] = 'en_US.UTF-8';
  env['LC_ALL'] = 'en_US.UTF-8';
  // Root, as in a container, has no sandbox to put the browser in.
  return { executablePath, args: ['--no-sandbox'], env };
}

/** @returns {Promise<string>} */
async function findChromium() {
  const chosen = process.env['CHROMIUM_PATH'];
  if (chosen) {
    if (existsSync(chosen)) return chosen;
    throw new Error(
      `No Chromium at CHROMIUM_PATH=${chosen}. Correct the path, or unset it to use the bundled browser.`,
    );
  }
  if (process.platform === 'linux' && process.arch === 'x64') {
    // Read when the package is imported: it then unpacks the browser's own libraries and fonts too.
    process.env['AWS_LAMBDA_JS_RUNTIME'] ??= 'nodejs20.x';
    const { default: bundled } = await import('@sparticuz/chromium');
    const path = await bundled.executablePath();
    if (existsSync(path)) return path;
  }
  const installed = SYSTEM_PATHS.find((path) => existsSync(path));
  if (installed) return installed;
  throw new Error(
    'No Chromium: none is bundled for this system and none is installed. apt-get install -y chromium or set CHROMIUM_PATH.',
  );
}
