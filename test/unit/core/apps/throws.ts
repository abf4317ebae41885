// A module that does not load.
throw new TypeError('the moon is not set');
