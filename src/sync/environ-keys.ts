// Every key that the server gives in an environ: what it means, and when it is there.

export interface GivenKey {
  /** `always`, or on which condition. */
  readonly when: string;
  readonly meaning: string;
  /** Where it comes from: CGI (RFC 3875), WSGI (PEP 3333), mod_ssl, or ourselves. */
  readonly from: 'CGI' | 'WSGI' | 'mod_ssl' | 'gunicorn' | 'dualgate';
}

const always = 'always';
const overTls = 'over TLS that ends here';
const trusted = 'the client showed a certificate that is trusted';

/** PEP 3333: a server documents what it gives. docs/reference/environ.md is written from it, and what else is in an environ is the deployer's or middleware's. */
export const environKeys: Readonly<Record<string, GivenKey>> = {
  REQUEST_METHOD: { when: always, from: 'CGI', meaning: 'The method as it was sent' },
  SCRIPT_NAME: {
    when: always,
    from: 'CGI',
    meaning: 'The part of the path that leads to the app; empty at the root',
  },
  PATH_INFO: {
    when: always,
    from: 'CGI',
    meaning: 'The rest of the path, percent-decoded, one character an octet',
  },
  QUERY_STRING: {
    when: always,
    from: 'CGI',
    meaning: 'What follows "?", as it was sent; empty where nothing does',
  },
  SERVER_NAME: {
    when: always,
    from: 'CGI',
    meaning: 'The address that the client reached, IPv6 in brackets; localhost on a unix socket',
  },
  SERVER_PORT: { when: always, from: 'CGI', meaning: "Its port, as text; the scheme's own on a unix socket" },
  SERVER_PROTOCOL: { when: always, from: 'CGI', meaning: 'HTTP/1.0, HTTP/1.1 or HTTP/2' },
  SERVER_SOFTWARE: { when: always, from: 'CGI', meaning: 'dualgate and its version' },
  CONTENT_TYPE: { when: 'the request has a Content-Type', from: 'CGI', meaning: 'Its value' },
  CONTENT_LENGTH: {
    when: 'the request has a Content-Length',
    from: 'CGI',
    meaning: 'Its value: decimal digits',
  },
  REMOTE_ADDR: {
    when: 'the client has an address',
    from: 'CGI',
    meaning: 'Where the client is; behind a trusted proxy, what that says',
  },
  REMOTE_PORT: { when: 'the port is known', from: 'CGI', meaning: 'Its port' },
  RAW_URI: { when: always, from: 'gunicorn', meaning: "The request's target as it was sent" },
  'HTTP_*': {
    when: 'the request has that header',
    from: 'CGI',
    meaning: 'Each other header: in capitals, "_" for "-", repeats joined by "," (cookies by "; ")',
  },
  HTTPS: { when: 'the scheme is https', from: 'mod_ssl', meaning: 'on' },
  SSL_PROTOCOL: { when: overTls, from: 'mod_ssl', meaning: 'TLSv1.2 or TLSv1.3' },
  SSL_CIPHER: { when: overTls, from: 'mod_ssl', meaning: 'The cipher by its IANA name' },
  SSL_TLS_SNI: { when: 'the client named a host', from: 'mod_ssl', meaning: 'That host' },
  SSL_CLIENT_VERIFY: {
    when: overTls,
    from: 'mod_ssl',
    meaning: 'NONE without a certificate, SUCCESS, or FAILED: and why',
  },
  SSL_CLIENT_S_DN: { when: trusted, from: 'mod_ssl', meaning: 'Its subject, as in RFC 2253' },
  SSL_CLIENT_S_DN_CN: {
    when: trusted,
    from: 'mod_ssl',
    meaning: "The subject's common name, where there is one alone",
  },
  SSL_CLIENT_I_DN: { when: trusted, from: 'mod_ssl', meaning: 'Its issuer, as in RFC 2253' },
  SSL_CLIENT_M_SERIAL: { when: trusted, from: 'mod_ssl', meaning: 'Its serial number, hexadecimal' },
  SSL_CLIENT_V_START: { when: trusted, from: 'mod_ssl', meaning: 'From when on it is valid' },
  SSL_CLIENT_V_END: { when: trusted, from: 'mod_ssl', meaning: 'Until when it is valid' },
  SSL_CLIENT_CERT: { when: trusted, from: 'mod_ssl', meaning: 'The certificate itself, PEM' },
  'wsgi.version': { when: always, from: 'WSGI', meaning: '[1, 0]' },
  'wsgi.url_scheme': {
    when: always,
    from: 'WSGI',
    meaning: 'http or https; behind a trusted proxy, what that says',
  },
  'wsgi.input': { when: always, from: 'WSGI', meaning: 'The body: read, readline, readlines, iteration' },
  'wsgi.errors': { when: always, from: 'WSGI', meaning: 'The log: write, writelines, flush' },
  'wsgi.multithread': {
    when: always,
    from: 'WSGI',
    meaning: 'Other threads may be inside the app at the same time',
  },
  'wsgi.multiprocess': { when: always, from: 'WSGI', meaning: 'Other processes may be' },
  'wsgi.run_once': { when: always, from: 'WSGI', meaning: 'This process serves no other request' },
  'wsgi.file_wrapper': {
    when: always,
    from: 'WSGI',
    meaning: 'A function: what has read(size), or a descriptor, as a body',
  },
  'wsgi.early_hints': {
    when: 'HTTP/1.1, on the sync server',
    from: 'gunicorn',
    meaning: 'A function: sends 103 with these headers',
  },
  'wsgi.input_terminated': { when: always, from: 'gunicorn', meaning: 'To read the body to its end is safe' },
  'dualgate.request_id': {
    when: always,
    from: 'dualgate',
    meaning: "The request's id, which the log has too",
  },
  'dualgate.lane': {
    when: always,
    from: 'dualgate',
    meaning: 'Where the app runs: loop, or thread and its number',
  },
  'dualgate.client_disconnected': {
    when: always,
    from: 'dualgate',
    meaning: 'A function: has the client gone?',
  },
};

/** Is it a key that the server gives, or keeps for itself? */
export function isOurs(key: string): boolean {
  return Object.hasOwn(environKeys, key) || /^(?:HTTP_|SSL_|wsgi\.|dualgate\.)/.test(key);
}
