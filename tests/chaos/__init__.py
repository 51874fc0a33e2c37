"""Faults thrown at real small runs. The long form: `make chaos`; `python -m tests.chaos --help`."""
