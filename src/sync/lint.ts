// lint(): the contract as a sync app around a sync app, which says what the app, or the server, does against it.
import { asSyncApp } from './app.ts';
import type { Environ, ErrorStream, StartResponse, SyncApp } from './interface.ts';
import { isBody, LintBody } from './lint-body.ts';
import { LintCall } from './lint-call.ts';
import { checkEnviron } from './lint-environ.ts';
import { checkHeaders } from './lint-response.ts';
import { LintErrors, LintInput } from './lint-streams.ts';
import { type LintOptions, shown, Verdict } from './lint-verdict.ts';

/**
 * wsgiref.validate, Werkzeug's LintMiddleware and Rack::Lint in one: for development and tests, around an app, or around
 * each layer of middleware too, which then is held to the rules for middleware (W-95, W-96). What is wrong is thrown as a
 * Violation where it happens, inside the app where it is the app's; what is unwise is a warning, a line in wsgi.errors.
 * The answer stays the same, but that an array is sent piece by piece, without a Content-Length of the server's.
 * Throws GatewayError APP_KIND for an async function.
 */
export function lint(app: SyncApp, options: LintOptions = {}): SyncApp {
  const inner = asSyncApp(app, app.name || 'the app');
  const linted = (environ: Environ, startResponse: StartResponse, ...more: never[]) => {
    const verdict = new Verdict(options, (environ as Partial<Environ> | undefined)?.['wsgi.errors']);
    if (more.length > 0 || startResponse === undefined) {
      verdict.fault(
        'V-01',
        `The app was called with ${startResponse === undefined ? 'fewer' : 'more'} than two arguments`,
      );
    }
    if (!checkEnviron(environ, verdict)) return inner(environ, startResponse);
    if (typeof startResponse !== 'function') {
      verdict.fault('W-50', `The app was given ${shown(startResponse)} for startResponse: it is a function`);
    }
    const call = new LintCall(environ, verdict);
    wrap(environ, verdict);
    const body = call.run(() => inner(environ, call.startResponse(startResponse)));
    return isBody(body, verdict) ? new LintBody(body, call) : body;
  };
  // What a server looks at to know the app stays the same.
  return Object.defineProperty(linted, 'name', { value: app.name });
}

/** The app's own streams and functions of the environ, in place: PEP 3333 lets whoever has it change it. */
function wrap(environ: Environ, verdict: Verdict): void {
  const input: unknown = environ['wsgi.input'];
  const errors: unknown = environ['wsgi.errors'];
  // As far as they are streams: what they lack was reported.
  if (typeof input === 'object' && input !== null) {
    environ['wsgi.input'] = new LintInput(
      environ['wsgi.input'],
      environ['wsgi.input_terminated'] === true,
      verdict,
    );
  }
  if (typeof errors === 'object' && errors !== null) {
    environ['wsgi.errors'] = new LintErrors(errors as ErrorStream, verdict);
  }
  const early = environ['wsgi.early_hints'];
  if (typeof early === 'function') {
    environ['wsgi.early_hints'] = (headers: unknown) => {
      checkHeaders(headers, 'wsgi.early_hints', verdict, 'V-45');
      return Reflect.apply(early, undefined, [headers]);
    };
  }
}
