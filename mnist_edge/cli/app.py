"""The command line `mnist-edge`. A command's module is imported when it is called, and then imports what it needs.

`predict` therefore starts without PyTorch, and without the other commands.
"""

import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from mnist_edge.cli import exit_codes

COMMANDS: Final = {
    "train": ("mnist_edge.cli.train", "train v2 --seed 1 --out runs/v2"),
    "calibrate": ("mnist_edge.cli.export", "calibrate runs/v2/checkpoint.safetensors"),
    "export": ("mnist_edge.cli.export", "export --checkpoint runs/v2/checkpoint.safetensors --out my-artifacts"),
    "bundle": ("mnist_edge.cli.bundle", "bundle v2 --name digit_reader --version 1.0 --out dist"),
    "predict": ("mnist_edge.cli.predict", "predict scan.png photos/ --top 3 --json"),
    "score": ("mnist_edge.cli.score", "score photos/ digits/ --workers 8"),
    "evaluate": ("mnist_edge.cli.evaluate", "evaluate artifacts/v1/model.onnx v1 --data ~/mnist"),
    "benchmark": ("mnist_edge.cli.benchmark", "benchmark v2 --results v2.json --plot v2.png"),
    "compare": ("mnist_edge.cli.compare", "compare --seeds 3 --results compare.json"),
    "ablate": ("mnist_edge.cli.compare", "ablate --seeds 3 --results ablations.json"),
    "report": ("mnist_edge.cli.compare", "report --out my-report && open my-report/index.html"),
    "inspect": ("mnist_edge.cli.inspect", "inspect artifacts/v2/model.int8.onnx"),
    "selftest": ("mnist_edge.cli.predict", "selftest v2 && start-the-device"),
    "data": ("mnist_edge.cli.data", "data --data ~/mnist"),
    "version": ("mnist_edge.cli.inspect", "version --json"),
}
"""For every command its module and an example of its use."""


class _Commands(TyperGroup):
    """Exits as shells expect when interrupted."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise SystemExit(exit_codes.INTERRUPTED) from None


def build_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the command line with these commands."""
    app = typer.Typer(
        cls=_Commands,
        callback=_options,
        help="Train, export and run digit networks of under 25,000 parameters.",
        epilog=f"Exit codes: {', '.join(f'{code} {meaning}' for code, meaning in exit_codes.EXIT_CODES.items())}.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name in names:
        module, example = COMMANDS[name]
        app.command(epilog=f"Example: mnist-edge {example}")(getattr(import_module(module), name))
    return app


def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Accept the options of all commands; `main` reads `--debug` itself."""


def main() -> None:
    """Run the command line. Every error becomes a line on stderr and an exit code."""
    if isinstance(sys.stdout, TextIOWrapper):  # a pipe with a narrow encoding must not cause a failure
        sys.stdout.reconfigure(errors="backslashreplace")
    # SystemExit flushes the output and ends worker processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(exit_codes.TERMINATED))
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app = build_app(arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS)
        app(args=arguments, prog_name="mnist-edge")
    except Exception as error:
        if debug:
            raise
        code, message = exit_codes.explain(error)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(code)
