// What every server of the bench answers with.
export const hello = Buffer.from('Hello, World!');
export const chunk = Buffer.alloc(1024, 'x');
export const chunks = 64;
