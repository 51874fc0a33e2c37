"""Make it happen: supervisor, agent and engines."""
