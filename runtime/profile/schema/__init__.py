"""The schema of a profile: one pydantic model a section, `Profile` with the rules between them. Needs
pydantic."""

from runtime.profile.schema.data import Data, Source, Tokenizer, TokenizerTraining
from runtime.profile.schema.guard import Disk, Guard, Spike
from runtime.profile.schema.launch import Command, Hang, Launch, Plan
from runtime.profile.schema.model import Model
from runtime.profile.schema.notify import Notify
from runtime.profile.schema.profile import Profile
from runtime.profile.schema.train import Checkpoint, Evaluate, Optimizer, Parallel, Schedule, Train

__all__ = [
    "Checkpoint",
    "Command",
    "Data",
    "Disk",
    "Evaluate",
    "Guard",
    "Hang",
    "Launch",
    "Model",
    "Notify",
    "Optimizer",
    "Parallel",
    "Plan",
    "Profile",
    "Schedule",
    "Source",
    "Spike",
    "Tokenizer",
    "TokenizerTraining",
    "Train",
]
