"""One file a lesson, every file in the same order: config, modules, loss, sample."""
