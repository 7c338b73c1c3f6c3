"""The table in docs/scoring.md of what `score` costs beside `predict`, and the measurement behind it.

`python -m tools.scoring_page FILE` measures and writes the results: ten minutes on two cores.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow
from PIL import Image
from pyarrow import parquet

from mnist_edge.data.drawing import draw_digits
from mnist_edge.files import load_results, save_results
from mnist_edge.machine import Machine, describe_machine, describe_versions, installed_versions, this_machine
from runtime.contract import ARTIFACTS
from tools.markdown import table

SCORING = ARTIFACTS.parent / "docs" / "scoring.json"
FEW, MANY = 2_000, 20_000
"""Pictures in the two runs of each way. The difference of their times is without the start."""
ROUNDS = 4
SIZE = (320, 240)
"""Width and height of the pictures."""
FLEET = 100_000_000
HOSTS = 3
_PREDICT: Final = "`predict`, image files"
# Small blocks, so that both workers are busy to the end; with more pictures the default ones do as well.
_SCORE: Final = "`score`, image files"
_COMMANDS: Final = {
    (_PREDICT, 1): "predict {folder} --csv --workers 1",
    (_PREDICT, 2): "predict {folder} --csv --workers 2",
    (_SCORE, 1): "score {folder} {out} --block 500 --workers 1",
    (_SCORE, 2): "score {folder} {out} --block 500 --workers 2",
    ("`score`, parquet", 2): "score {folder}.parquet {out} --column image --block 500 --workers 2",
}


@dataclass(frozen=True)
class Way:
    """A command, by a number of threads or processes, and the seconds of its fastest runs for few and many pictures."""

    name: str
    workers: int
    seconds: tuple[float, float]


@dataclass(frozen=True)
class ScoringResults:
    """The fastest of interleaved rounds for each way and two numbers of pictures: others may have slowed the rest."""

    machine: Machine
    versions: dict[str, str]
    pictures: tuple[int, int]
    size: tuple[int, int]
    rounds: int
    ways: tuple[Way, ...]


def scoring_table(path: Path = SCORING) -> str:
    """Return each way's start and pictures per second, and what a fleet's pictures would take."""
    results = load_results(path, ScoringResults)
    few, many = results.pictures
    rows, speeds = list[list[str]](), dict[str, tuple[float, float]]()
    for way in results.ways:
        rate = (many - few) / (way.seconds[1] - way.seconds[0])
        start = way.seconds[0] - few / rate
        speeds[way.name] = max((rate, start), speeds.get(way.name, (0, 0)))
        hours = [FLEET / rate / 3_600 / hosts for hosts in (1, HOSTS)]
        shown = [f"{hours[0]:,.0f} h", "" if way.name == _PREDICT else f"{hours[1]:,.0f} h"]
        rows.append([way.name, str(way.workers), f"{start:.1f} s", f"{rate:,.0f}", *shown])
    (predict_rate, _), (score_rate, score_start) = speeds[_PREDICT], speeds[_SCORE]
    pays_from = score_start / (1 / predict_rate - 1 / (HOSTS * score_rate))
    return table(
        ["way", "workers", "start", "pictures/s", f"{FLEET:,} pictures", f"on {HOSTS} such hosts"],
        rows,
        f"The fastest of {results.rounds} interleaved rounds with {few:,} and {many:,} JPEG files of "
        f"{results.size[0]}×{results.size[1]} pixels, drawn by code, on a local disk; the last two columns are "
        f"computed. {describe_machine(results.machine)}; {describe_versions(results.versions)}.",
        f"By these figures, `score` on {HOSTS} such hosts overtakes `predict` on one at about "
        f"{float(f'{pays_from:.2g}'):,.0f} pictures, which is after {pays_from / predict_rate:.0f} seconds.",
    )


def draw_pictures(folder: Path, count: int) -> None:
    """Write files of a dark digit on light paper, and `folder`.parquet with the same files in the column `image`."""
    folder.mkdir()
    contents = []
    for index, pixels in enumerate(draw_digits(count, seed=1).images):
        digit = Image.fromarray(255 - pixels // 4 * 3).resize((SIZE[1] // 2, SIZE[1] // 2), Image.Resampling.BICUBIC)
        picture = Image.new("L", SIZE, 255)
        picture.paste(digit, (SIZE[0] // 4 + index % 50, SIZE[1] // 4))
        path = folder / f"{index:06}.jpg"
        picture.save(path, quality=90)
        contents.append(path.read_bytes())
    parquet.write_table(pyarrow.table({"image": contents}), folder.with_suffix(".parquet"), row_group_size=1_000)


def measure(path: Path) -> None:
    """Run each command on few and on many pictures, in turn, and write the results."""
    seconds: dict[tuple[str, int], tuple[list[float], list[float]]] = {key: ([], []) for key in _COMMANDS}
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, f"pictures-{count}") for count in (FEW, MANY)]
        for folder, count in zip(folders, (FEW, MANY), strict=True):
            draw_pictures(folder, count)
        for round_number in range(ROUNDS):
            for key, command in _COMMANDS.items():
                for folder, times in zip(folders, seconds[key], strict=True):
                    out = Path(name, f"out-{round_number}-{len(key[0])}-{key[1]}-{folder.name}")
                    arguments = command.format(folder=folder, out=out).split()
                    started_at = time.perf_counter()
                    done = subprocess.run(  # noqa: S603 (this project's own command)
                        [sys.executable, "-m", "mnist_edge", *arguments],
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        env={**os.environ, "OMP_NUM_THREADS": "1"},
                        check=False,
                    )
                    times.append(time.perf_counter() - started_at)
                    if done.returncode not in (0, 4):  # 4: some digits are rejected
                        raise SystemExit(f"{' '.join(arguments)} failed with exit code {done.returncode}")
                    print(*key, folder.name, f"{times[-1]:.1f} s", flush=True)
    ways = tuple(Way(*key, (min(few), min(many))) for key, (few, many) in seconds.items())
    versions = installed_versions("onnxruntime", "ray", "pyarrow")
    save_results(path, ScoringResults(this_machine(), versions, (FEW, MANY), SIZE, ROUNDS, ways))


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
