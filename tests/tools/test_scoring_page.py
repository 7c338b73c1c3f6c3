"""The table of what scoring costs: start, speed and break-even from the times of two numbers of pictures."""

from pathlib import Path

from mnist_edge.files import save_results
from mnist_edge.machine import this_machine
from tools.scoring_page import ScoringResults, Way, scoring_table


def test_start_speed_and_break_even_follow_from_the_times(tmp_path: Path) -> None:
    """1,000 pictures a second each; three hosts gain 2/3 ms a picture, and Ray's 10 seconds after 15,000 pictures."""
    ways = (
        Way("`predict`, image files", 1, (6.0, 42.0)),
        Way("`predict`, image files", 2, (2.0, 20.0)),
        Way("`score`, image files", 2, (12.0, 30.0)),
    )
    results = ScoringResults(this_machine(), {"ray": "2.60.0"}, (2_000, 20_000), (320, 240), 3, ways)
    save_results(tmp_path / "scoring.json", results)
    lines = scoring_table(tmp_path / "scoring.json").splitlines()
    assert lines[2:5] == [
        "| `predict`, image files | 1 | 2.0 s | 500 | 56 h |  |",
        "| `predict`, image files | 2 | 0.0 s | 1,000 | 28 h |  |",
        "| `score`, image files | 2 | 10.0 s | 1,000 | 28 h | 9 h |",
    ]
    assert lines[-1].endswith("overtakes `predict` on one at about 15,000 pictures, which is after 15 seconds.")
