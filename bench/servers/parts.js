// What every server of the bench answers with.
export const hello = 'Hello, World!';
/** The same, for contracts whose bodies are octets. */
export const helloBytes = Buffer.from(hello);
export const chunk = Buffer.alloc(1024, 'x');
export const chunks = 64;
/** ms that the app blocks for /sleep. */
export const nap = 20;
