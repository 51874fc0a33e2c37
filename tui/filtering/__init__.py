"""The filter language of lists of runs: `state:failed tag:baseline loss<2.5 age<2d -archived "free text"`.

    found = parse(text, metrics)         # never raises: what can't be understood is left out and told
    found.problems                       # what was left out, and why
    found.matches(view, now)             # whether a run is to be shown

`tui.filtering.keys` has the keys, `tui.filtering.completion` what could come next.
"""

from tui.filtering.completion import completed, suggestions
from tui.filtering.language import Filter, FilterProblem, parse

__all__ = ["Filter", "FilterProblem", "completed", "parse", "suggestions"]
