// A module that greet.ts imports by its .js name, as TypeScript allows.
export const name: string = 'Ada';
