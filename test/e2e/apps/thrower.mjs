// A module that throws what is no error.
throw 'oh dear';
