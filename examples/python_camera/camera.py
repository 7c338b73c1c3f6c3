"""Print the digits that a camera or a video shows, with OpenCV and ONNX Runtime alone."""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import cv2
import cv2.typing
import onnxruntime

MODEL = Path(__file__).resolve().parents[2] / "artifacts" / "v2" / "picture_to_digit.onnx"


class DigitReader:
    """Runs the graph from a picture to its digit, and times it."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options)
        names = json.loads(self._session.get_modelmeta().custom_metadata_map["mnist_edge.rejections"])
        self._reasons = {int(code): name for code, name in names.items()}
        self.milliseconds = list[float]()

    def read(self, picture: cv2.typing.MatLike) -> tuple[int, float, str | None]:
        """Return the digit in an RGB picture uint8 `[H, W, 3]`, its confidence and the reason to reject it, if any."""
        start = time.perf_counter()
        digit, confidence, rejection = self._session.run(["digit", "confidence", "rejection"], {"picture": picture})
        self.milliseconds.append((time.perf_counter() - start) * 1e3)
        return digit.item(), confidence.item(), self._reasons.get(rejection.item())


def watch(video: cv2.VideoCapture, reader: DigitReader, agreeing: int) -> None:
    """Print each digit once `agreeing` frames in a row show it, and again only if as many show another or none."""
    printed = last = None
    in_a_row = 0
    while True:
        is_read, frame = video.read()
        if not is_read:
            return
        digit, confidence, reason = reader.read(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        shown = digit if reason is None else None
        in_a_row = in_a_row + 1 if shown == last else 1
        last = shown
        if in_a_row >= agreeing and shown != printed:
            printed = shown
            if shown is not None:
                print(f"{shown} ({confidence:.1%})", flush=True)


def main() -> None:
    """Parse the arguments and watch the video. Exit code 1: a camera stops, or a video has no frames."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="example: python camera.py 0")
    parser.add_argument("source", help="a camera's number or a video file (default: 0)", nargs="?", default="0")
    parser.add_argument("--model", type=Path, default=MODEL, help="a picture_to_digit.onnx (default: V2's)")
    parser.add_argument("--agreeing", type=int, default=5, metavar="N", help="frames in a row (default: 5)")
    arguments = parser.parse_args()
    if not arguments.model.is_file():
        parser.error(f"there is no model {arguments.model}")
    is_camera = arguments.source.isdecimal()
    reader = DigitReader(arguments.model)
    try:
        watch(cv2.VideoCapture(int(arguments.source) if is_camera else arguments.source), reader, arguments.agreeing)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if reader.milliseconds:
            median = statistics.median(reader.milliseconds)
            print(f"{len(reader.milliseconds)} frames, {median:.2f} ms each (median)", file=sys.stderr)
    if is_camera or not reader.milliseconds:
        sys.exit(f"error: {arguments.source} gives no {'more ' if reader.milliseconds else ''}frames")


if __name__ == "__main__":
    main()
