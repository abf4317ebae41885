// A class, which is no app.
export default class App {}
