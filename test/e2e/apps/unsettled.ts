// A module whose loading never ends, though nothing is left that could end it.
await new Promise(() => {});
export const app = (): void => {};
