"""The examples in C++ and Node: what they read, what they print, and their exit codes. Run by `make test-reach`."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.cli.exit_codes import DONE, FAILED, NO_DIGIT, USAGE
from mnist_edge.data.drawing import draw_digit
from runtime.contract import ARTIFACTS, INT8_FILE, PICTURE_FILE
from tests.devices.measure import ROOT, DeviceError
from tests.reach.programs import CPP, NODE, Command, Picture, parse, run

pytestmark = pytest.mark.reach

PROGRAMS = {"C++": (CPP, ".ppm"), "Node": (NODE, ".png")}


@pytest.fixture
def seven() -> Picture:
    """Return a 7 in black on white, `[120, 160, 3]`."""
    drawn = 255 - draw_digit(7, np.random.default_rng(0), size=120)
    return np.repeat(np.pad(drawn, ((0, 0), (20, 20)), constant_values=255)[:, :, None], 3, axis=2)


def outcome(done: "subprocess.CompletedProcess[bytes]") -> tuple[int, str, str]:
    """Return the exit code, standard output and standard error."""
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> tuple[Command, str]:
    """Return each program and the suffix of the files that it reads."""
    return PROGRAMS[request.param]


class TestBoth:
    def test_a_digit_is_read_by_v2_by_default(
        self, program: tuple[Command, str], seven: Picture, tmp_path: Path
    ) -> None:
        command, suffix = program
        Image.fromarray(seven).save(tmp_path / f"seven{suffix}")
        code, line, error = outcome(run(command, tmp_path / f"seven{suffix}"))
        assert (code, parse(line).digit, parse(line).rejection, error) == (DONE, 7, 0, "")
        named = run(command, ARTIFACTS / "v2" / PICTURE_FILE, tmp_path / f"seven{suffix}")
        assert named.stdout.decode() == line

    def test_a_picture_of_no_digit_has_its_own_exit_code(self, program: tuple[Command, str], tmp_path: Path) -> None:
        command, suffix = program
        Image.new("L", (64, 64), 200).save(tmp_path / f"blank{suffix}")
        code, line, error = outcome(run(command, tmp_path / f"blank{suffix}"))
        assert line.startswith("no digit (blank); best guess: ")
        assert (code, error) == (NO_DIGIT, "")

    @pytest.mark.parametrize("arguments", [0, 6])
    def test_wrong_usage_shows_the_usage(self, program: tuple[Command, str], arguments: int) -> None:
        code, line, error = outcome(run(program[0], *["1"] * arguments))
        assert (code, line) == (USAGE, "")
        assert error.startswith("usage: ")

    @pytest.mark.parametrize("content", [None, b"", b"P6 2 2 255\nab", b"\x89PNG\r\n\x1a\n"])
    def test_an_unreadable_picture_fails(
        self, program: tuple[Command, str], content: bytes | None, tmp_path: Path
    ) -> None:
        if content is not None:
            (tmp_path / "picture").write_bytes(content)
        code, line, error = outcome(run(program[0], tmp_path / "picture"))
        assert (code, line) == (FAILED, "")
        assert error.startswith("error: ")
        assert error.count("\n") == 1

    @pytest.mark.parametrize("model", ["missing.onnx", str(ARTIFACTS / "v2" / INT8_FILE), __file__])
    def test_another_file_than_a_model_fails(
        self, program: tuple[Command, str], model: str, seven: Picture, tmp_path: Path
    ) -> None:
        command, suffix = program
        Image.fromarray(seven).save(tmp_path / f"seven{suffix}")
        code, line, error = outcome(run(command, model, tmp_path / f"seven{suffix}"))
        assert (code, line) == (FAILED, "")
        assert error.startswith("error: ")


class TestCpp:
    def test_each_frame_gets_a_line(self, seven: Picture) -> None:
        """As of `ffmpeg -f rawvideo`: a 7, a blank frame, a 7."""
        height, width, channels = seven.shape
        frames = np.stack([seven, np.full_like(seven, 200), seven])
        code, lines, error = outcome(run(CPP, str(width), str(height), str(channels), stdin=frames.tobytes()))
        first, blank, last = lines.splitlines(keepends=True)
        assert (code, parse(first).digit, first, error) == (DONE, 7, last, "")
        assert blank.startswith("no digit (blank)")

    def test_a_line_is_printed_before_the_next_frame_arrives(self, seven: Picture) -> None:
        height, width, channels = map(str, seven.shape)
        with subprocess.Popen(
            [*CPP, width, height, channels], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as process:
            assert process.stdin
            assert process.stdout
            for _ in range(2):
                process.stdin.write(seven.tobytes())
                assert parse(process.stdout.readline().decode()).digit == 7
            process.stdin.close()
        assert process.returncode == DONE

    def test_a_truncated_last_frame_fails(self, seven: Picture) -> None:
        height, width, channels = map(str, seven.shape)
        code, lines, error = outcome(run(CPP, width, height, channels, stdin=seven.tobytes() * 2 + b"\0"))
        assert (code, lines.count("\n"), error) == (FAILED, 2, "error: pixels are missing\n")

    @pytest.mark.parametrize("size", [("0", "9", "3"), ("9", "4097", "1"), ("9", "9", "2"), ("9", "9", "x")])
    def test_impossible_frames_are_refused(self, size: tuple[str, str, str]) -> None:
        code, _, error = outcome(run(CPP, *size, stdin=bytes(243)))
        assert code == FAILED
        assert "sides of 1 to 4096 pixels, and 1, 3 or 4 channels" in error

    @pytest.mark.parametrize("header", ["P5 160\t120 255 ", "P5\n# GIMP\n160 120\n#\n# a 7\n255\n"])
    def test_headers_may_have_comments(self, header: str, seven: Picture, tmp_path: Path) -> None:
        (tmp_path / "seven.pgm").write_bytes(header.encode() + seven[:, :, 0].tobytes())
        assert parse(run(CPP, tmp_path / "seven.pgm").stdout.decode()).digit == 7

    @pytest.mark.parametrize("header", ["P5 160 120 65535 ", "P2 160 120 255 ", "P5 160 # 120 255 ", "P6 -2 2 255 "])
    def test_other_kinds_of_files_are_refused(self, header: str, seven: Picture, tmp_path: Path) -> None:
        (tmp_path / "seven.pgm").write_bytes(header.encode() + seven.tobytes())
        code, line, error = outcome(run(CPP, tmp_path / "seven.pgm"))
        assert (code, line) == (FAILED, "")
        assert error.startswith("error: ")


class TestNode:
    def test_a_photograph_is_turned_upright(self, seven: Picture, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # to be shown after a quarter turn clockwise
        sideways = Image.fromarray(np.rot90(seven))
        sideways.save(tmp_path / "seven.jpg", exif=exif, quality=95)
        assert parse(run(NODE, tmp_path / "seven.jpg").stdout.decode()).digit == 7

    @pytest.mark.parametrize("kind", ["16 bits", "palette", "grey with opacity", "large"])
    def test_other_kinds_of_pictures_are_read(self, kind: str, seven: Picture, tmp_path: Path) -> None:
        grey = seven[:, :, 0]
        picture = {
            "16 bits": Image.fromarray(grey.astype(np.uint16) * 257),
            "palette": Image.fromarray(seven).quantize(8),
            "grey with opacity": Image.merge("LA", (Image.new("L", (160, 120)), Image.fromarray(255 - grey))),
            "large": Image.fromarray(seven).resize((6400, 4800)),
        }[kind]
        picture.save(tmp_path / "seven.png")
        answer = parse(run(NODE, tmp_path / "seven.png").stdout.decode())
        assert (answer.digit, answer.rejection) == (7, 0)


@pytest.mark.parametrize(("folder", "command"), [("cpp", CPP), ("node", NODE)])
def test_the_run_in_the_readme_gives_what_it_shows(folder: str, command: Command, tmp_path: Path) -> None:
    sample = ARTIFACTS / "samples" / "three-on-paper.png"
    Image.open(sample).save(tmp_path / "three.ppm")
    file = tmp_path / "three.ppm" if folder == "cpp" else sample
    lines = (ROOT / "examples" / folder / "README.md").read_text("utf-8").splitlines()
    shown = next(index for index, line in enumerate(lines) if re.match(r"\$ .*digit(\.mjs)? .*three", line))
    assert outcome(run(command, file)) == (DONE, f"{lines[shown + 1]}\n", "")


def test_a_line_that_is_no_answer_is_an_error() -> None:
    with pytest.raises(DeviceError, match="error: no such file"):
        parse("error: no such file\n")


def test_a_program_that_is_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="make test-reach builds it"):
        run((tmp_path / "digit",))
