// A module that throws while it is imported.
throw new TypeError('this module is broken\nin two lines');
