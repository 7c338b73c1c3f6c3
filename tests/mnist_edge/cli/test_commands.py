"""The command line, in processes of its own, as users and programs see it."""

import csv
import importlib.metadata
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.benchmark.comparison import Comparison
from mnist_edge.cli import app as cli
from mnist_edge.data.drawing import draw_digits
from mnist_edge.evaluation import robustness as suite
from mnist_edge.files import load_results, save_results
from mnist_edge.machine import installed_versions, this_machine
from tests.conftest import Run
from tools.challenge_page import ABLATIONS, COMPARISON

INT8 = "model.int8.onnx"
COMMANDS = [
    "train",
    "calibrate",
    "export",
    "predict",
    "evaluate",
    "inspect",
    "selftest",
    "data",
    "version",
    "benchmark",
    "compare",
    "ablate",
    "report",
]


def on_a_terminal(*arguments: str, cwd: Path, interrupt_at: bytes | None = None) -> tuple[int, str]:
    """Run a command on a pseudo-terminal, or begin it, and give its exit code and what it showed."""
    master, slave = pty.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm", "PYTHONPATH": str(cwd)}
    process = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", *arguments], stdout=slave, stderr=slave, cwd=cwd, env=environment
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # how Linux tells that the other end is closed
            break
        if not piece:
            break
        shown += piece
        if interrupt_at is not None and interrupt_at in shown:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    os.close(master)
    return process.wait(60), shown.decode()


def test_help_lists_every_command_and_the_exit_codes(run: Run) -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert command in done.stdout
    assert "Exit codes" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run: Run, command: str) -> None:
    done = run(command, "--help", COLUMNS="200")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Example: mnist-edge {command}" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["juggle"],
        ["predict"],
        ["predict", "--top", "11", "x.png"],
        ["predict", "--json", "--csv", "x.png"],
        ["evaluate", "--suite", "moon"],
        ["evaluate", "x.safetensors", "--suite", "field"],
        ["train", "v3"],
        ["train", "v1", "--recipe", "magic"],
        ["train", "v1", "--out", "tests"],
        ["train", "v1", "--seed", str(2**64)],
        ["evaluate", "x.safetensors", "--record"],
        ["benchmark", "--training", "--plot", "x.png"],
    ],
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


class TestPredict:
    def test_a_line_for_each_image(self, run: Run, samples: Path) -> None:
        done = run("predict", samples / "seven-28x28.png", samples / "five-transparent.png")
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith(f"{samples / 'seven-28x28.png'}: 7 (")
        assert lines[1].startswith(f"{samples / 'five-transparent.png'}: 5 (")
        assert all(line.endswith("%)") for line in lines)

    def test_a_folder_gives_its_images_in_order(self, run: Run, samples: Path, tmp_path: Path) -> None:
        shutil.copytree(samples, tmp_path / "images")
        (tmp_path / "images" / "notes.txt").write_text("no image")
        done = run("predict", tmp_path / "images")
        assert done.returncode == 0
        assert [Path(line.partition(":")[0]).name for line in done.stdout.splitlines()] == [
            "five-transparent.png",
            "seven-28x28.png",
            "three-on-paper.png",
        ]

    def test_standard_input_is_an_image(self, run: Run, samples: Path) -> None:
        done = run("predict", "-", stdin=(samples / "three-on-paper.png").read_bytes())
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("-: 3 (")

    def test_json_lines_hold_the_probabilities(self, run: Run, samples: Path) -> None:
        done = run("predict", samples, "--json", "--top", "3", "--model", "v1")
        predictions = [json.loads(line) for line in done.stdout.splitlines()]
        assert [prediction["digit"] for prediction in predictions] == [5, 7, 3]
        for prediction in predictions:
            assert sum(prediction["probabilities"]) == pytest.approx(1)
            assert prediction["top"][0]["digit"] == prediction["digit"]
            assert [entry["probability"] for entry in prediction["top"]] == sorted(
                prediction["probabilities"], reverse=True
            )[:3]

    def test_more_digits_stand_on_the_line(self, run: Run, samples: Path) -> None:
        done = run("predict", samples / "seven-28x28.png", "--top", "3")
        assert done.stdout.count("%)") == 3

    def test_bad_files_are_reported_and_passed_over(self, run: Run, samples: Path, tmp_path: Path) -> None:
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

    def test_what_is_no_digit_is_said_to_be_none(self, run: Run, samples: Path, tmp_path: Path) -> None:
        Image.fromarray(np.full((50, 50), 200, np.uint8)).save(tmp_path / "blank.png")
        specks = (np.random.default_rng(0).random((90, 90)) < 0.05) * np.uint8(255)
        Image.fromarray(specks).save(tmp_path / "noise.png")
        files = [tmp_path / "blank.png", tmp_path / "noise.png", samples / "seven-28x28.png"]
        done = run("predict", *files)
        assert (done.returncode, done.stderr) == (4, "")
        blank, noise, seven = done.stdout.splitlines()
        assert "no digit, the image is blank" in blank
        assert "no digit, noise: " in noise
        assert ": 7 (" in seven
        found = [json.loads(line) for line in run("predict", *files, "--json").stdout.splitlines()]
        assert [prediction["rejected"] is None for prediction in found] == [False, False, True]
        assert all(len(prediction["probabilities"]) == 10 for prediction in found)

    def test_without_rejection_everything_is_a_digit_that_shows_something(
        self, run: Run, samples: Path, tmp_path: Path
    ) -> None:
        Image.fromarray(np.full((50, 50), 200, np.uint8)).save(tmp_path / "blank.png")
        done = run("predict", "--no-reject", tmp_path / "blank.png", samples / "seven-28x28.png")
        assert done.returncode == 1
        assert "is blank" in done.stderr
        assert ": 7 (" in done.stdout

    def test_the_least_confidence_can_be_set(self, run: Run, samples: Path) -> None:
        done = run("predict", "--reject-below", "1", samples / "three-on-paper.png")
        assert done.returncode == 4
        assert "unlike a digit: the confidence of " in done.stdout
        assert run("predict", "--reject-below", "1.1", samples / "three-on-paper.png").returncode == 2

    def test_csv_has_a_row_an_image(self, run: Run, samples: Path) -> None:
        done = run("predict", samples, "--csv")
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert [row["digit"] for row in rows] == ["5", "7", "3"]
        assert {row["rejected"] for row in rows} == {""}
        assert sum(float(rows[0][f"probability_{digit}"]) for digit in range(10)) == pytest.approx(1)

    def test_a_large_folder_is_read_by_several_processes(self, run: Run, tmp_path: Path) -> None:
        for index, image in enumerate(draw_digits(300).images):
            Image.fromarray(image).save(tmp_path / f"{index:03}.png")
        (tmp_path / "150.png").write_text("no image")
        done = run("predict", tmp_path, "--workers", "2")
        assert done.returncode == 1
        named = [Path(line.partition(":")[0]).name for line in done.stdout.splitlines()]
        assert named == [f"{index:03}.png" for index in range(300) if index != 150]
        assert done.stderr.count("error: ") == done.stderr.count("150.png") == 1

    def test_the_steps_are_drawn(self, run: Run, samples: Path, tmp_path: Path) -> None:
        done = run("predict", samples / "three-on-paper.png", "--explain", tmp_path / "steps.png")
        assert (done.returncode, done.stderr) == (0, "")
        with Image.open(tmp_path / "steps.png") as picture:
            assert picture.width > 5 * picture.height / 2
        assert run("predict", samples, "--explain", tmp_path / "steps.png").returncode == 2
        assert run("predict", "-", "--explain", tmp_path / "steps.png", stdin=b"").returncode == 2

    def test_a_reader_that_leaves_early_sees_no_traceback(self, root: Path, samples: Path) -> None:
        command = (
            f"{sys.executable} -m mnist_edge predict {' '.join([str(samples / 'seven-28x28.png')] * 50)} | head -1"
        )
        done = subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, text=True, timeout=60, check=True)
        assert ": 7 (" in done.stdout
        assert "Traceback" not in done.stderr

    def test_an_unknown_model_is_an_error(self, run: Run, samples: Path) -> None:
        done = run("predict", samples, "--model", "v9")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "error: there is no model 'v9'; use one of: v1, v2, a path\n"


class TestInspect:
    @pytest.mark.parametrize(("model", "parameters"), [("v1", 24_714), ("v2", 24_048)])
    def test_the_table_adds_up(self, run: Run, model: str, parameters: int) -> None:
        done = run("inspect", model)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{parameters:,}" in done.stdout
        assert f"Budget of fewer than 25,000 parameters: kept ({parameters:,})." in done.stdout
        found = json.loads(run("inspect", model, "--json").stdout)
        assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"]) == parameters
        assert found["within_budget"] is True

    @pytest.mark.parametrize("file", ["checkpoint.safetensors", "model.onnx"])
    def test_files_are_inspected_too(self, run: Run, artifacts: Path, file: str) -> None:
        found = json.loads(run("inspect", artifacts / "v1" / file, "--json").stdout)
        assert found["parameters"] == 24_714
        assert found["multiply_adds"] == 471_472

    def test_an_int8_file_is_judged_by_its_network(self, run: Run, artifacts: Path) -> None:
        """The layout spreads the first block's weights; the network has not grown by that."""
        done = run("inspect", artifacts / "v2" / "model.int8.onnx")
        assert done.returncode == 0
        assert "kept (24,048; laid out for int8 they are" in done.stdout

    def test_over_budget_is_told_and_ends_with_3(self, run: Run) -> None:
        done = run("inspect", "v1", "--max-parameters", "24714")
        assert done.returncode == 3
        assert "exceeded (24,714)" in done.stdout

    def test_the_diagram_is_mermaid(self, run: Run) -> None:
        assert run("inspect", "v2", "--mermaid").stdout.startswith("flowchart TD\n")

    def test_a_folder_means_its_int8_model(self, run: Run, artifacts: Path) -> None:
        of_folder, of_file = (run("inspect", path, "--json") for path in (artifacts / "v1", artifacts / "v1" / INT8))
        assert json.loads(of_folder.stdout)["layers"] == json.loads(of_file.stdout)["layers"]

    def test_a_missing_file_is_an_error(self, run: Run, tmp_path: Path) -> None:
        for file in ("none.onnx", "none.safetensors"):
            done = run("inspect", tmp_path / file)
            assert done.returncode == 1
            assert done.stderr.startswith("error: ")


class TestExport:
    def test_over_budget_nothing_is_replaced(self, run: Run, artifacts: Path, tmp_path: Path) -> None:
        shutil.copytree(artifacts / "v1", tmp_path / "v1")
        before = {path.name: path.read_bytes() for path in (tmp_path / "v1").iterdir()}
        done = run("export", "v1", "--out", tmp_path, "--max-parameters", "24714")
        assert done.returncode == 3
        assert "24,714" in done.stderr
        assert {path.name: path.read_bytes() for path in (tmp_path / "v1").iterdir()} == before
        assert [path.name for path in tmp_path.iterdir()] == ["v1"]

    def test_json_holds_the_manifests(self, run: Run, artifacts: Path, tmp_path: Path) -> None:
        done = run("export", "--checkpoint", artifacts / "v2" / "checkpoint.safetensors", "--out", tmp_path, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        (report,) = json.loads(done.stdout)
        assert report["parameters"] == 24_048
        assert report["parity"]["float_max_difference"] < 1e-4
        assert report["files"].keys() == {path.name for path in (tmp_path / "v2").iterdir()} - {
            "manifest.json",
            "README.md",
        }

    def test_a_checkpoint_without_a_table_is_an_error(self, run: Run, artifacts: Path, tmp_path: Path) -> None:
        shutil.copy(artifacts / "v1" / "checkpoint.safetensors", tmp_path)
        done = run("export", "--checkpoint", tmp_path / "checkpoint.safetensors", "--out", tmp_path / "out")
        assert done.returncode == 1
        assert "Record it with: mnist-edge calibrate" in done.stderr


class TestSelftest:
    def test_the_committed_models_pass(self, run: Run) -> None:
        done = run("selftest")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("passed") == 2
        assert json.loads(run("selftest", "v2", "--json").stdout)["v2"]["images"] == 10

    def test_a_damaged_model_is_an_error(self, run: Run, artifacts: Path, tmp_path: Path) -> None:
        shutil.copytree(artifacts / "v2", tmp_path / "v2")
        content = bytearray((tmp_path / "v2" / "model.int8.onnx").read_bytes())
        content[-500] ^= 64
        (tmp_path / "v2" / "model.int8.onnx").write_bytes(content)
        done = run("selftest", tmp_path / "v2")
        assert done.returncode == 1
        assert "damaged or was replaced" in done.stderr

    def test_the_others_are_checked_and_the_worst_is_told(self, run: Run, artifacts: Path, tmp_path: Path) -> None:
        shutil.copy(artifacts / "v2" / "model.int8.onnx", tmp_path / "alone.onnx")
        done = run("selftest", tmp_path / "none", tmp_path / "alone.onnx", "v2", "--json")
        assert done.returncode == 3
        found = json.loads(done.stdout)
        assert [("error" in report) for report in found.values()] == [True, True, False]
        assert done.stderr.count("error: ") == 2


class TestData:
    def test_without_the_data_set_every_command_says_what_it_needs(self, run: Run, tmp_path: Path) -> None:
        for arguments in (["train", "v1"], ["evaluate"], ["calibrate", "v1"], ["data", "--no-download"]):
            done = run(*arguments, MNIST_EDGE_DATA=str(tmp_path))
            assert done.returncode == 1, arguments
            assert "t10k-images-idx3-ubyte" in done.stderr + done.stdout or arguments[0] != "evaluate"
            assert "images-idx3-ubyte" in done.stderr + done.stdout
            assert "Traceback" not in done.stderr

    def test_without_a_network_the_error_names_the_files_and_the_place(self, run: Run, tmp_path: Path) -> None:
        closed = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}
        done = run("data", MNIST_EDGE_DATA="", XDG_CACHE_HOME=str(tmp_path), **closed)
        assert done.returncode == 1
        for name in ("train-images", "train-labels", "t10k-images", "t10k-labels"):
            assert f"{name}-idx" in done.stderr
        assert str(tmp_path / "mnist-edge" / "mnist") in done.stderr
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]

    def test_a_damaged_file_is_named(self, run: Run, tmp_path: Path) -> None:
        for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
            (tmp_path / f"{name}-ubyte.gz").write_bytes(b"no gzip")
        done = run("data", "--data", tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {tmp_path / 'train-images-idx3-ubyte.gz'}: is named .gz but is no gzip")

    def test_what_was_found_is_shown(self, run: Run, mnist_directory: Path) -> None:
        done = run("data", "--data", mnist_directory, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        assert found["missing"] == []
        assert found["named_by"] == "--data"
        assert len(found["files"]) == 4


class TestEvaluate:
    def test_accuracy_is_a_fraction(self, run: Run, mnist_directory: Path, artifacts: Path) -> None:
        done = run("evaluate", "v1", "--data", mnist_directory, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        recorded = json.loads((artifacts / "v1" / "manifest.json").read_text())["accuracy"]["model.int8.onnx"]
        assert found["accuracy"] == recorded["top1"] == found["correct"] / 10_000
        assert sum(map(sum, found["confusion"])) == 10_000

    def test_tables_hold_digits_and_confusion(self, run: Run, mnist_directory: Path, artifacts: Path) -> None:
        done = run("evaluate", artifacts / "v2" / "checkpoint.safetensors", "v2", "--data", mnist_directory)
        assert (done.returncode, done.stderr) == (0, "")
        for text in ("calibration error", "v2: by digit", "true digit (row)", "Most frequent mistakes:"):
            assert text in done.stdout

    def test_recording_keeps_the_committed_figures(
        self, run: Run, mnist_directory: Path, artifacts: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(artifacts / "v2", tmp_path / "v2")
        done = run("evaluate", tmp_path / "v2", "--record", "--data", mnist_directory)
        assert done.returncode == 0
        for path in (artifacts / "v2").iterdir():
            assert (tmp_path / "v2" / path.name).read_bytes() == path.read_bytes()

    @pytest.mark.slow
    def test_what_is_no_digit_is_rejected_as_recorded(
        self, run: Run, mnist_directory: Path, artifacts: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(artifacts / "v1", tmp_path / "v1")
        done = run("evaluate", tmp_path / "v1", "--suite", "rejection", "--record", "--data", mnist_directory)
        assert (done.returncode, done.stderr) == (0, "")
        for text in ("blank or noise: specks", "unseen class: letters", "its own", "MNIST test digits"):
            assert text in done.stdout
        assert (tmp_path / "v1" / "manifest.json").read_bytes() == (artifacts / "v1" / "manifest.json").read_bytes()
        facts = json.loads(run("evaluate", "v1", "--suite", "rejection", "--json", "--data", mnist_directory).stdout)
        assert facts["model"] == "v1"
        assert facts["own"]["digits"] <= 0.01
        assert facts["own"]["blank_or_noise"] >= 0.95

    @pytest.mark.slow
    def test_the_field_suite_is_told_by_kind(
        self,
        mnist_directory: Path,
        artifacts: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """In this process, with twenty pictures of each kind."""
        monkeypatch.setattr(suite, "evaluate_robustness", partial(suite.evaluate_robustness, images=20))
        shutil.copytree(artifacts / "v2", tmp_path / "v2")
        command = ["evaluate", str(tmp_path / "v2"), "--suite", "field", "--data", str(mnist_directory)]
        cli.app([*command, "--record"], standalone_mode=False)
        shown = capsys.readouterr().out
        recorded = json.loads((tmp_path / "v2" / "manifest.json").read_text())["accuracy"][INT8]["field"]
        assert recorded["images_per_kind"] == 20
        assert all(kind in shown for _, kind in suite.KINDS)
        cli.app([*command, "--json"], standalone_mode=False)
        facts = json.loads(capsys.readouterr().out)
        assert {f"{one['group']}, {one['kind']}": one["accuracy"] for one in facts["kinds"]} == recorded["kinds"]
        assert facts["photographs"] > 0.9


def as_done_here(results: Path, path: Path) -> Comparison:
    """Write committed results as if they were this machine's, so that nothing is trained again."""
    done = replace(
        load_results(results, Comparison),
        machine=this_machine(),
        versions=installed_versions("torch", "torchvision"),
        processes=1,
        threads=this_machine().cores,
    )
    save_results(path, done)
    for one in done.networks:
        path.with_name(f"{one.name}.safetensors").touch()
    return done


class TestCompare:
    @pytest.mark.parametrize(
        ("command", "committed"), [("compare", COMPARISON), ("compare --full", COMPARISON), ("ablate", ABLATIONS)]
    )
    def test_what_is_done_is_shown(
        self, run: Run, mnist_directory: Path, tmp_path: Path, command: str, committed: Path
    ) -> None:
        results = tmp_path / "results.json"
        done = as_done_here(committed, results)
        before = results.read_bytes()
        options = ["--processes", 1, "--json", results, "--data", mnist_directory, "--checkpoints", tmp_path]
        shown = run(*command.split(), *options)
        assert (shown.returncode, shown.stderr) == (0, "")
        for one in done.networks:
            assert f"{one.name} " in shown.stdout
            assert f"{one.mean:.2%}" in shown.stdout
        assert results.read_bytes() == before

    @pytest.mark.slow
    def test_a_missing_int8_file_is_made_and_measured(
        self, run: Run, mnist_directory: Path, artifacts: Path, tmp_path: Path
    ) -> None:
        results, name = tmp_path / "compare.json", "v1 onepass"
        done = as_done_here(COMPARISON, results)
        without = tuple(replace(one, int8=None) if one.name == name else one for one in done.networks)
        save_results(results, replace(done, networks=without))
        for path in tmp_path.glob("*.safetensors"):
            path.unlink()
        shutil.copy(artifacts / "v1" / "checkpoint.safetensors", tmp_path / f"{name}.safetensors")
        shown = run(
            "compare", "--processes", 1, "--json", results, "--data", mnist_directory, "--checkpoints", tmp_path
        )
        assert (shown.returncode, shown.stderr) == (0, f"int8  step 1/1  {name}\n")
        int8 = load_results(results, Comparison).network(name).int8
        assert int8 is not None
        assert int8.bytes == (artifacts / "v1" / INT8).stat().st_size
        assert f"{int8.accuracy:.2%}" in shown.stdout


class TestReport:
    @pytest.mark.slow
    def test_it_trains_and_draws_a_page(self, run: Run, root: Path, mnist_directory: Path, tmp_path: Path) -> None:
        compared = root / "docs" / "compare.json"
        done = run("report", tmp_path / "out", "--model", "v1", "--compared", compared, "--data", mnist_directory)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"Written: {tmp_path / 'out' / 'index.html'}\n"
        assert "Accuracy against parameters" in (tmp_path / "out" / "index.html").read_text()


class TestTrain:
    @pytest.mark.slow
    def test_train_calibrate_export_predict(
        self, run: Run, mnist_directory: Path, samples: Path, tmp_path: Path
    ) -> None:
        """The whole way from the data set to a predicted digit."""
        checkpoint, out = tmp_path / "run" / "checkpoint.safetensors", tmp_path / "artifacts"
        done = run("train", "v1", "--seed", "1", "--out", checkpoint, "--data", mnist_directory, "--json")
        assert done.returncode == 0, done.stderr
        assert "step 938/938" in done.stderr
        assert json.loads(done.stdout)["test_accuracy"] > 0.95
        assert run("calibrate", checkpoint, "--data", mnist_directory).returncode == 0
        assert run("export", "--checkpoint", checkpoint, "--out", out).returncode == 0
        done = run("predict", samples / "seven-28x28.png", "--model", out / "v1")
        assert ": 7 (" in done.stdout
        assert run("selftest", out / "v1").returncode == 0

    @pytest.mark.slow
    def test_a_table_says_what_a_training_reached(self, run: Run, mnist_directory: Path, tmp_path: Path) -> None:
        path = tmp_path / "checkpoint.safetensors"
        done = run("train", "v1", "--resume", "--out", path, "--data", mnist_directory)
        assert done.returncode == 0
        assert done.stderr.startswith(f"there is no {tmp_path / 'training-state.safetensors'} to go on from")
        for text in ("test", "10,000", "Most frequent mistakes:", f"Written: {path}"):
            assert text in done.stdout

    def test_an_interrupted_training_leaves_the_former_checkpoint(
        self, root: Path, mnist_directory: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "checkpoint.safetensors"
        path.write_bytes(b"former")
        process = subprocess.Popen(
            [sys.executable, "-m", "mnist_edge", "train", "v2", "--out", path, "--data", mnist_directory],
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        first = process.stderr.readline()
        assert "step 100/844" in first
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        process.stderr.close()
        assert process.wait(60) == 130
        assert rest.endswith("interrupted\n")
        assert "Traceback" not in rest
        assert path.read_bytes() == b"former"
        assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.safetensors", "training.log", "events"}

    def test_a_folder_that_cannot_be_written_is_an_error(self, run: Run, mnist_directory: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        done = run("calibrate", tmp_path / "file", "--data", mnist_directory)
        assert done.returncode == 1
        assert "no safetensors file" in done.stderr


def test_version_names_what_the_program_stands_on(run: Run) -> None:
    found = json.loads(run("version", "--json").stdout)
    assert found["mnist-edge"] == "0.1.0"
    assert found["onnxruntime"]
    assert "mnist-edge 0.1.0" in run("version").stdout


def test_a_version_that_is_not_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = importlib.metadata.version

    def without_torch(package: str) -> str:
        if package == "torch":
            raise importlib.metadata.PackageNotFoundError
        return version(package)

    monkeypatch.setattr(importlib.metadata, "version", without_torch)
    cli.app(["version"], standalone_mode=False)
    assert "torch not installed\n" in capsys.readouterr().out


def test_a_defect_shows_no_traceback_unless_asked(root: Path) -> None:
    code = (
        "import sys, mnist_edge.cli.app as cli\n"
        "cli.console.print_table = None\n"
        "sys.argv = ['mnist-edge', *sys.argv[1:]]\n"
        "cli.main()"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run([*command, "inspect", "v1"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 70
    assert "Traceback" not in done.stderr
    assert "mnist-edge --debug" in done.stderr
    done = subprocess.run([*command, "--debug", "inspect", "v1"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_missing_package_is_named_with_what_brings_it(root: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "sys.argv = ['mnist-edge', 'inspect', 'v1']\n"
        "from mnist_edge.cli.app import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("the package 'torch'. Install it with: pip install 'mnist-edge[train]'\n")


def test_a_narrow_encoding_is_no_failure(run: Run, samples: Path, tmp_path: Path) -> None:
    shutil.copy(samples / "seven-28x28.png", tmp_path / "sieben-ü.png")
    done = run("predict", tmp_path / "sieben-ü.png", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"sieben-\xfc.png: 7" in done.stdout


def test_a_terminal_gets_tables(root: Path) -> None:
    code, shown = on_a_terminal("inspect", "v1", cwd=root)
    assert code == 0
    assert "┃" in shown
    assert "24,714" in shown


def test_a_terminal_gets_a_progress_bar(root: Path, mnist_directory: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "checkpoint.safetensors")
    command = ("train", "v1", "--out", out, "--data", str(mnist_directory))
    code, shown = on_a_terminal(*command, cwd=root, interrupt_at=b"images/s")
    assert code == 130
    assert "/938" in shown
    assert "\r" in shown  # drawn over


def test_drawn_digits_are_mostly_named(run: Run, tmp_path: Path) -> None:
    drawn = draw_digits(20, seed=5)
    for index, image in enumerate(drawn.images):
        Image.fromarray(image).save(tmp_path / f"{index:02}.png")
    lines = run("predict", tmp_path, "--json").stdout.splitlines()
    named = [json.loads(line)["digit"] for line in lines]
    assert np.mean(np.array(named) == drawn.labels) >= 0.9
