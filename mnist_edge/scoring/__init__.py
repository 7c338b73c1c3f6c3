"""Score more pictures than one machine should, on Ray: a table of digits that interruptions neither gap nor double.

The pictures are listed once, in a plan, and divided into blocks (`plan`). Each block becomes one parquet file, written
whole or not at all under a name that the plan decides (`blocks`), so that scoring a block again changes nothing. Ray
Data hands the blocks to its workers (`run`).

Ray reports its usage unless this variable says otherwise, when it is imported.
"""

import os

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
