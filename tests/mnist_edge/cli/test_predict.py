"""`mnist-edge predict` and `selftest`."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.drawing import draw_digits
from runtime import Predictor, Reason
from tests.conftest import Run
from tests.mnist_edge.cli.page import assert_documented, sections
from tests.runtime.damage import write_files_that_print, write_files_with_warnings


def test_each_image_gets_a_line(run: Run, samples: Path) -> None:
    done = run("predict", samples / "seven-28x28.png", samples / "five-transparent.png")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{samples / 'seven-28x28.png'}: 7 (")
    assert lines[1].startswith(f"{samples / 'five-transparent.png'}: 5 (")
    assert all(line.endswith("%)") for line in lines)


def test_a_folder_stands_for_its_images_in_order(run: Run, samples: Path, tmp_path: Path) -> None:
    shutil.copytree(samples, tmp_path / "images")
    (tmp_path / "images" / "notes.txt").write_text("no image")
    done = run("predict", tmp_path / "images")
    assert done.returncode == 0
    assert [Path(line.partition(":")[0]).name for line in done.stdout.splitlines()] == [
        "five-transparent.png",
        "seven-28x28.png",
        "three-on-paper.png",
    ]


def test_an_image_is_read_from_standard_input(run: Run, samples: Path) -> None:
    done = run("predict", "-", stdin=(samples / "three-on-paper.png").read_bytes())
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("-: 3 (")


def test_json_lines_hold_the_probabilities(run: Run, samples: Path) -> None:
    done = run("predict", samples, "--json", "--top", "3", "--model", "v1")
    predictions = [json.loads(line) for line in done.stdout.splitlines()]
    assert [prediction["digit"] for prediction in predictions] == [5, 7, 3]
    for prediction in predictions:
        assert_documented("predict", prediction)
        assert sum(prediction["probabilities"]) == pytest.approx(1)
        assert prediction["top"][0]["digit"] == prediction["digit"]
        assert [entry["probability"] for entry in prediction["top"]] == sorted(
            prediction["probabilities"], reverse=True
        )[:3]


def test_top_shows_more_digits_on_the_line(run: Run, samples: Path) -> None:
    done = run("predict", samples / "seven-28x28.png", "--top", "3")
    assert done.stdout.count("%)") == 3


def test_a_name_that_no_file_can_have_is_skipped(run: Run, samples: Path) -> None:
    done = run("predict", "x" * 300, samples / "seven-28x28.png")
    assert done.returncode == 1
    assert done.stderr.endswith("x cannot be read as an image: File name too long\n")
    assert "seven-28x28.png: 7 (" in done.stdout


def test_unreadable_images_are_reported_and_skipped(run: Run, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty").mkdir()
    bad = [tmp_path / "none.png", tmp_path / "text.png", tmp_path / "empty"]
    done = run("predict", *bad, samples / "seven-28x28.png")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [line for line in done.stdout.splitlines() if ": 7 (" in line] != []
    errors = done.stderr.splitlines()
    problems = ["there is no image", "none of the formats", "a folder"]
    for path, error, problem in zip(bad, errors, problems, strict=True):
        assert error.startswith("error: ")
        assert error.count(str(path)) == 1
        assert problem in error


def test_an_empty_name_does_not_stand_for_the_working_folder(run: Run) -> None:
    done = run("predict", "")
    assert (done.returncode, done.stdout) == (2, "")
    assert "a name is empty" in done.stderr


@pytest.mark.parametrize("filters", ["", "always", "error"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_damaged_images_print_one_line_each(
    run: Run, samples: Path, tmp_path: Path, filters: str, workers: str
) -> None:
    """`test_damaged_images.py` shows what Pillow prints about these files."""
    files = [*write_files_with_warnings(tmp_path), *write_files_that_print(tmp_path), samples / "seven-28x28.png"]
    done = run("predict", "--workers", workers, *files, PYTHONWARNINGS=filters)
    errors = done.stderr.splitlines()
    lines = done.stdout.splitlines() + errors
    assert len(lines) == len(files)
    for file in files:
        assert sum(str(file) in line for line in lines) == 1
    assert [line for line in errors if line.startswith("error: ")] == errors != []


def test_a_closed_stderr_is_no_error(samples: Path, root: Path) -> None:
    command = f"{sys.executable} -m mnist_edge predict {samples}/seven-28x28.png none.png 2>&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=root, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{samples}/seven-28x28.png: 7 (")
    assert len(done.stdout.splitlines()) == 1


def test_blank_and_noisy_images_show_no_digit(run: Run, samples: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((50, 50), 200, np.uint8)).save(tmp_path / "blank.png")
    specks = (np.random.default_rng(0).random((90, 90)) < 0.05) * np.uint8(255)
    Image.fromarray(specks).save(tmp_path / "noise.png")
    files = [tmp_path / "blank.png", tmp_path / "noise.png", samples / "seven-28x28.png"]
    done = run("predict", *files)
    assert (done.returncode, done.stderr) == (4, "")
    blank, noise, seven = done.stdout.splitlines()
    assert "no digit (the picture is blank" in blank
    assert "no digit (the picture shows noise" in noise
    assert ": 7 (" in seven
    predictions = [json.loads(line) for line in run("predict", *files, "--json").stdout.splitlines()]
    rejections = [prediction["rejection"] for prediction in predictions]
    assert rejections[2] is None
    assert [rejection["reason"] for rejection in rejections[:2]] == ["blank", "noise"]
    for prediction, line in zip(predictions, done.stdout.splitlines(), strict=True):
        assert_documented("predict", prediction)
        assert prediction["rejection"] is None or f"no digit ({prediction['rejection']['detail']})" in line
        assert len(prediction["probabilities"]) == 10
    rows = csv.DictReader(run("predict", *files, "--csv").stdout.splitlines())
    assert [row["rejection"] for row in rows] == ["blank", "noise", ""]


def test_every_reason_is_documented_with_its_name() -> None:
    assert re.findall(r"^\| `(\w+)` \|", sections()["predict"], re.MULTILINE) == [reason.label for reason in Reason]
    assert Reason.SEVERAL_MARKS.label == "several_marks"


def test_without_rejection_only_a_blank_image_is_rejected(run: Run, tmp_path: Path) -> None:
    Image.fromarray(np.full((50, 50), 200, np.uint8)).save(tmp_path / "blank.png")
    Image.fromarray((np.random.default_rng(0).random((90, 90)) < 0.05) * np.uint8(255)).save(tmp_path / "noise.png")
    assert run("predict", tmp_path / "noise.png").returncode == 4
    done = run("predict", "--no-reject", tmp_path / "noise.png")
    assert (done.returncode, done.stderr) == (0, "")
    done = run("predict", "--no-reject", tmp_path)
    assert (done.returncode, done.stderr) == (4, "")
    blank, noise = done.stdout.splitlines()
    assert "no digit (the picture is blank" in blank
    assert "no digit" not in noise


def test_the_least_plausibility_can_be_set(run: Run, samples: Path) -> None:
    done = run("predict", "--reject-below", "1", samples / "three-on-paper.png")
    assert done.returncode == 4
    assert "no digit (it does not look like a digit: its plausibility, " in done.stdout
    for wrong in ("1.1", "-0.1", "nan"):
        assert run("predict", "--reject-below", wrong, samples / "three-on-paper.png").returncode == 2


def test_the_threshold_is_the_predictors_by_default(run: Run) -> None:
    shown = run("predict", "--help").stdout
    assert f"[default: ({Predictor().reject_below})]" in shown


def test_a_threshold_without_rejection_is_refused(run: Run, samples: Path) -> None:
    done = run("predict", "--no-reject", "--reject-below", "0.9", samples / "three-on-paper.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no effect with --no-reject" in done.stderr
    assert run("predict", "--reject", "--reject-below", "0.9", samples / "three-on-paper.png").returncode == 0


def test_without_pillow_predict_says_how_to_install_it(samples: Path) -> None:
    code = "import sys; sys.modules['PIL'] = None; from mnist_edge.cli.app import main; main()"
    command = [sys.executable, "-c", code, "predict", str(samples / "seven-28x28.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: opening image files needs Pillow; install it with: pip install pillow\n"


def test_csv_has_a_row_per_image(run: Run, samples: Path) -> None:
    done = run("predict", samples, "--csv")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["digit"] for row in rows] == ["5", "7", "3"]
    assert {row["rejection"] for row in rows} == {""}
    assert all(0.5 < float(row["plausibility"]) < 1 for row in rows)
    assert sum(float(rows[0][f"probability_{digit}"]) for digit in range(10)) == pytest.approx(1)


def test_a_large_folder_is_read_by_several_threads(run: Run, tmp_path: Path) -> None:
    for index, image in enumerate(draw_digits(300).images):
        Image.fromarray(image).save(tmp_path / f"{index:03}.png")
    (tmp_path / "150.png").write_text("no image")
    done = run("predict", tmp_path, "--workers", "2")
    assert done.returncode == 1
    named = [Path(line.partition(":")[0]).name for line in done.stdout.splitlines()]
    assert named == [f"{index:03}.png" for index in range(300) if index != 150]
    assert done.stderr.count("error: ") == done.stderr.count("150.png") == 1


def test_explain_draws_the_preparation_of_a_single_file(run: Run, samples: Path, tmp_path: Path) -> None:
    done = run("predict", samples / "three-on-paper.png", "--explain", tmp_path / "steps.png")
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "steps.png") as picture:
        assert picture.width > 5 * picture.height / 2
    blank = tmp_path / "blank.png"
    Image.fromarray(np.full((50, 50), 200, np.uint8)).save(blank)
    assert run("predict", blank, "--explain", tmp_path / "blank-steps.png").returncode == 4
    with Image.open(tmp_path / "steps.png") as digit, Image.open(tmp_path / "blank-steps.png") as nothing:
        assert digit.size == nothing.size
        assert digit.tobytes() != nothing.tobytes()
    assert run("predict", samples, "--explain", tmp_path / "steps.png").returncode == 2
    assert run("predict", "-", "--explain", tmp_path / "steps.png", stdin=b"").returncode == 2


def test_a_closed_pipe_shows_no_traceback(root: Path, samples: Path) -> None:
    command = f"{sys.executable} -m mnist_edge predict {' '.join([str(samples / 'seven-28x28.png')] * 50)} | head -1"
    done = subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, text=True, timeout=60, check=True)
    assert ": 7 (" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_unknown_model_is_an_error(run: Run, samples: Path) -> None:
    done = run("predict", samples, "--model", "v9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no model 'v9'")
    assert "v1, v2" in done.stderr


def test_drawn_digits_are_mostly_predicted_correctly(run: Run, tmp_path: Path) -> None:
    drawn = draw_digits(20, seed=5)
    for index, image in enumerate(drawn.images):
        Image.fromarray(image).save(tmp_path / f"{index:02}.png")
    lines = run("predict", tmp_path, "--json").stdout.splitlines()
    digits = [json.loads(line)["digit"] for line in lines]
    assert np.mean(np.array(digits) == drawn.labels) >= 0.9


def test_the_committed_models_pass_their_selftest(run: Run) -> None:
    done = run("selftest")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("passed") == 2
    document = json.loads(run("selftest", "v2", "--json").stdout)
    assert_documented("selftest", document)
    assert document["models"][0]["images"] == 10
    assert document["models"][0]["pictures"] >= 10


def test_a_damaged_model_is_an_error(run: Run, artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "v2", tmp_path / "v2")
    content = bytearray((tmp_path / "v2" / "model.int8.onnx").read_bytes())
    content[-500] ^= 64
    (tmp_path / "v2" / "model.int8.onnx").write_bytes(content)
    done = run("selftest", tmp_path / "v2")
    assert done.returncode == 1
    assert "SHA-256" in done.stderr


def test_selftest_checks_every_model_and_exits_with_the_worst(run: Run, artifacts: Path, tmp_path: Path) -> None:
    shutil.copy(artifacts / "v2" / "model.int8.onnx", tmp_path / "alone.onnx")
    done = run("selftest", tmp_path / "none", tmp_path / "alone.onnx", "v2", "--json")
    assert done.returncode == 3
    models = json.loads(done.stdout)["models"]
    assert [("error" in model) for model in models] == [True, True, False]
    assert_documented("selftest", {"models": models[:2]})
    assert done.stderr.count("error: ") == 2
