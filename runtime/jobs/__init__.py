"""One module a job kind; the entry point of a worker process."""
