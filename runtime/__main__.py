"""Predict digits in image files, or run the self-test, with this package alone: `python -m PACKAGE IMAGE...`."""

import argparse
import io
import os
import sys

from . import Predictor, predict_stream
from .errors import ImageError, ModelError, SelftestError

DONE, FAILED, REFUSED, NO_DIGIT = 0, 1, 3, 4
"""The exit codes, those of `mnist-edge`; argparse exits with 2."""


def main() -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}",
        description="Print the digit in each image file, or check that the model answers as where it was made.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the self-test, 4 an image shows no digit.",
    )
    parser.add_argument("image", nargs="+", help="image files, or the word selftest")
    images: list[str] = parser.parse_args().image
    if isinstance(sys.stdout, io.TextIOWrapper):  # which may be unable to encode an image's name
        sys.stdout.reconfigure(errors="backslashreplace")
    codes = {DONE}
    try:
        predictor = Predictor()
        if images == ["selftest"]:
            report = predictor.selftest()
            print(f"passed; {report.images} golden images and {report.pictures} golden pictures are read as at export")
            return DONE
        for image, prediction in zip(images, predict_stream(predictor, images), strict=True):
            if isinstance(prediction, ImageError):
                print(f"error: {prediction}", file=sys.stderr)
                codes.add(FAILED)
            else:
                digit, rejection = f"{prediction.digit} ({prediction.confidence:.1%})", prediction.rejection
                verdict = f"no digit ({rejection.detail}); best guess: {digit}" if rejection else digit
                print(f"{image}: {verdict}", flush=True)
                codes.add(NO_DIGIT if rejection else DONE)
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED if isinstance(error, SelftestError) else FAILED
    except BrokenPipeError:  # nobody reads on; what Python flushes at its end must not fail too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ModuleNotFoundError as error:
        if error.name != "PIL":
            raise
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    return FAILED if FAILED in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())
