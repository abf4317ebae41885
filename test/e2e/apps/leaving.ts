// A module that ends the process, or the thread, while it is loaded.
process.exit(7);
