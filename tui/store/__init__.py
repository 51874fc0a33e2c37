"""Reads workspace and telemetry off the thread that draws, and posts messages."""
