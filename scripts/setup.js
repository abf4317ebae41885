// Before `npm start` and `npm test`: installs what is missing. DUALGATE_SETUP=0 turns it off.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const forTests = process.argv.includes('--tests');
const root = new URL('../', import.meta.url);

if (process.env.DUALGATE_SETUP !== '0') {
  if (stale()) {
    say('node_modules is missing or out of date: running npm ci (DUALGATE_SETUP=0 turns this off)');
    npmCi();
  }
  if (forTests) systemPackages(wanted());
}

/** Does node_modules differ from what package-lock.json asks for? */
function stale() {
  const hidden = new URL('node_modules/.package-lock.json', root);
  if (!existsSync(hidden)) return true;
  const locked = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  return Object.entries(locked).some(
    ([path, { version, optional, peer }]) =>
      path !== '' && !optional && !peer && installed[path]?.version !== version,
  );
}

function npmCi() {
  const npm = process.env.npm_execpath;
  const args = ['ci', '--no-audit', '--no-fund'];
  const { status } = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
    : spawnSync('npm', args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail('npm ci failed: see above');
}

/** The programs that the tests talk to, and are not there: Debian's package names. */
function wanted() {
  const chromium = process.env.DUALGATE_CHROMIUM ?? '/usr/bin/chromium';
  const programs = {
    chromium,
    curl: '/usr/bin/curl',
    openssl: '/usr/bin/openssl',
    'nginx-light': '/usr/sbin/nginx',
    apache2: '/usr/sbin/apache2',
  };
  return Object.entries(programs).flatMap(([name, path]) => (existsSync(path) ? [] : [name]));
}

function systemPackages(names) {
  if (names.length === 0) return;
  const list = names.join(', ');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    say(`the tests would like ${list}, and this is not root on a machine with apt: those suites are skipped`);
    return;
  }
  say(`installing ${list} with apt-get for the tests (DUALGATE_SETUP=0 turns this off)`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] };
  spawnSync('apt-get', ['update', '-qq'], quiet);
  const args = ['install', '-y', '-qq', '--no-install-recommends', ...names];
  const { status } = spawnSync('apt-get', args, quiet);
  if (status === 0) return;
  say(`apt-get could not install ${list}`);
  if (process.env.CI === 'true') process.exit(1);
}

function say(text) {
  process.stderr.write(`dualgate setup: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}
