"""Throw many cases, led by coverage, at one reader: `python -m tests.fuzz.run TARGET CASES FOLDER`.

The folder keeps the cases that reached new code, for the next run. A case that gets anything but an answer or a
documented error ends the run and is written beside it.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["runtime", "export", "mnist_edge", "PIL"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the reader that the arguments name."""
    name, cases, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]) / sys.argv[1]
    folder.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    for index, seed in enumerate(target.seeds):
        (folder / f"seed-{index}").write_bytes(seed)
    # Four seconds a case are a hang; 2 GB are the 1,600 MB that SECURITY.md promises, and the fuzzer itself.
    limits = ["-timeout=4", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-seed=1", "-max_len=120000"]
    found = f"-artifact_prefix={folder.parent}/{name}-"
    atheris.Setup([sys.argv[0], f"-runs={cases}", "-print_final_stats=1", found, *limits, str(folder)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
