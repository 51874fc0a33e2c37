"""The learning rate by step; it lives with the profile, since a resume's plan shows it before anything
starts."""

from runtime.profile.schedule import Schedule, schedule_of

__all__ = ["Schedule", "schedule_of"]
