"""Speed, memory and training time of the models, compared with what a user might choose instead."""

from collections.abc import Callable
from contextlib import AbstractContextManager

StepProgress = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]
"""Shows progress: takes a title and the number of steps, and yields a function that is called for each step."""
