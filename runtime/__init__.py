"""Headnode's runtime: what a job is, what happened to it, how it is launched, and the trainers themselves."""
