"""Fuzz one target, guided by coverage: `python -m tests.fuzz.run TARGET CASES FOLDER`.

The folder keeps the cases that reached new code, for the next run. A case that leads to anything but a result or a
documented error ends the run and is written beside that folder.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["runtime", "export", "mnist_edge", "PIL"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the target named in the arguments."""
    name, cases, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]) / sys.argv[1]
    folder.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name]
    for index, seed in enumerate(target.seeds):
        (folder / f"seed-{index}").write_bytes(seed)
    # Four seconds per case count as a hang. 2 GB is the 1,600 MB promised in SECURITY.md plus the fuzzer itself.
    limits = ["-timeout=4", "-rss_limit_mb=2048", "-malloc_limit_mb=1024", "-seed=1", "-max_len=120000"]
    failures = f"-artifact_prefix={folder.parent}/{name}-"
    atheris.Setup([sys.argv[0], f"-runs={cases}", "-print_final_stats=1", failures, *limits, str(folder)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
