"""The command line `mnist-edge`. Each command has a function in the module of its name, which imports what it needs.

`--help` and `predict` therefore start without PyTorch.
"""

import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mnist_edge.cli import (
    benchmark,
    bundle,
    compare,
    data,
    evaluate,
    exit_codes,
    export,
    inspect,
    predict,
    score,
    train,
)

_COMMANDS: dict[Callable[..., None], str] = {
    train.train: "train v2 --seed 1 --out runs/v2",
    export.calibrate: "calibrate runs/v2/checkpoint.safetensors",
    export.export: "export --checkpoint runs/v2/checkpoint.safetensors --out my-artifacts",
    bundle.bundle: "bundle v2 --name digit_reader --version 1.0 --out dist",
    predict.predict: "predict scan.png photos/ --top 3 --json",
    score.score: "score photos/ digits/ --workers 8",
    evaluate.evaluate: "evaluate artifacts/v1/model.onnx v1 --data ~/mnist",
    benchmark.benchmark: "benchmark v2 --results v2.json --plot v2.png",
    compare.compare: "compare --seeds 3 --results compare.json",
    compare.ablate: "ablate --seeds 3 --results ablations.json",
    compare.report: "report --out my-report && open my-report/index.html",
    inspect.inspect: "inspect artifacts/v2/model.int8.onnx",
    predict.selftest: "selftest v2 && start-the-device",
    data.data: "data --data ~/mnist",
    inspect.version: "version --json",
}
"""Every command with an example of its use."""


class _Commands(TyperGroup):
    """Exits as shells expect when interrupted."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise SystemExit(exit_codes.INTERRUPTED) from None


app = typer.Typer(
    cls=_Commands,
    help="Train, export and run digit networks of under 25,000 parameters.",
    epilog=f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in exit_codes.EXIT_CODES.items())}.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command, example in _COMMANDS.items():
    app.command(epilog=f"Example: mnist-edge {example}")(command)


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Accept the options of all commands; `main` reads `--debug` itself."""


def main() -> None:
    """Run the command line. Every error becomes a line on stderr and an exit code."""
    if isinstance(sys.stdout, TextIOWrapper):  # a pipe with a narrow encoding must not cause a failure
        sys.stdout.reconfigure(errors="backslashreplace")
    # SystemExit flushes the output and ends worker processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(exit_codes.TERMINATED))
    debug = "--debug" in sys.argv
    try:
        app(args=[argument for argument in sys.argv[1:] if argument != "--debug"], prog_name="mnist-edge")
    except Exception as error:
        if debug:
            raise
        code, message = exit_codes.explain(error)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(code)
