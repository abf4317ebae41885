// Exports that never become an app.
export class App {}
export const makeClass = (): typeof App => App;
export const never = (): Promise<unknown> => new Promise(() => {});
