"""`python -m tui.cli`: the same as `headnode`."""

import sys

from tui.cli import main

sys.exit(main())
