// Mounts, and the deployer's variables.
import { describe, expect, test } from 'vitest';

import { deploy, deploymentOf, pairFault, splitPath } from '../../../src/sync/deployment.ts';
import type { EnvironData } from '../../../src/sync/interface.ts';
import { TestCall } from './carrier.ts';

function deployed(options: Parameters<typeof deploymentOf>[0], path: string): EnvironData {
  const { environ } = new TestCall({ path });
  const deployment = deploymentOf(options);
  if (deployment) deploy(environ, deployment);
  return environ;
}

describe('a mount', () => {
  test.each([
    ['', '/x', '', '/x'],
    ['/', '/x', '', '/x'],
    ['/', '/', '', '/'],
    ['/api', '/api/x', '/api', '/x'],
    ['/api/', '/api/x', '/api', '/x'],
    ['/api', '/api/', '/api', '/'],
    ['/a/b', '/a/b/c', '/a/b', '/c'],
    ['/caf\u00e9', '/caf\u00c3\u00a9/x', '/caf\u00c3\u00a9', '/x'],
  ])('[W-05] at %j, the path %j is SCRIPT_NAME %j and PATH_INFO %j', (mount, path, script, rest) => {
    const { SCRIPT_NAME, PATH_INFO } = deployed({ mount }, path);
    expect([SCRIPT_NAME, PATH_INFO]).toEqual([script, rest]);
  });

  test.each([
    ['/api', '/api', '/api', ''],
    ['/api', '/', '/api', '/'],
    ['/api', '/apis', '/api', '/apis'],
    ['/api', '/x', '/api', '/x'],
    ['/api', '*', '', '*'],
  ])('[W-06] at %j, the path %j is SCRIPT_NAME %j and PATH_INFO %j', (mount, path, script, rest) => {
    expect(splitPath(mount, path)).toEqual([script, rest]);
    const { SCRIPT_NAME, PATH_INFO } = deployed({ mount }, path);
    expect([SCRIPT_NAME, PATH_INFO]).toEqual([script, rest]);
  });

  test.each([['api'], ['/a?b'], ['/a#b'], ['/a\0'], ['http://x/a']])('[W-05] it is not %j', (mount) => {
    expect(() => deploymentOf({ mount })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('variables', () => {
  test('[W-18] are added to each environ, as their UTF-8 octets', () => {
    const environ = { SITE: 'caf\u00e9 \u20ac', 'shop.currency': 'EUR', EMPTY: '' };
    expect(deployed({ environ }, '/')).toMatchObject({
      SITE: 'caf\u00c3\u00a9 \u00e2\u0082\u00ac',
      'shop.currency': 'EUR',
      EMPTY: '',
      PATH_INFO: '/',
    });
    expect(deploymentOf({ environ: {} })).toBeNull();
  });

  test.each([
    ['PATH_INFO'],
    ['SCRIPT_NAME'],
    ['REMOTE_ADDR'],
    ['HTTP_HOST'],
    ['HTTP_X_NEW'],
    ['HTTPS'],
    ['SSL_CLIENT_S_DN'],
    ['CONTENT_LENGTH'],
    ['wsgi.input'],
    ['wsgi.anything'],
    ['dualgate.lane'],
    ['lower'],
    ['Mixed'],
    ['1SITE'],
    ['SITE-NAME'],
    ['__proto__'],
    ['constructor'],
    [''],
  ])('[W-18] %j is refused', (key) => {
    expect(pairFault(key, 'x')).toMatch(/\w/);
    expect(() => deploymentOf({ environ: Object.fromEntries([[key, 'x']]) })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });

  test('[W-18] so is a NUL, and what is no text', () => {
    expect(pairFault('SITE', 'a\0b')).toMatch(/NUL/);
    expect(pairFault('SITE', 1)).toMatch(/text/);
    expect(pairFault('SITE', 'a\nb')).toBeNull();
    expect(pairFault('REMOTE_USER', 'me')).toBeNull();
  });
});
