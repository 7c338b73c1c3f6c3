"""The README's tables, written from the committed result files: `python -m export.readme README.md`.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import re
import sys
from pathlib import Path

from export.exporter import ARTIFACTS, FLOAT_FILE, INT8_FILE
from export.manifest import read_manifest


def accuracy_table(artifacts: Path = ARTIFACTS) -> str:
    """Give the table of the models and their measured accuracies, and what it was measured with."""
    rows: list[str] = []
    versions: dict[str, str] = {}
    for manifest in (read_manifest(artifacts / name) for name in ("v1", "v2")):
        versions |= manifest["versions"]
        for file in (FLOAT_FILE, INT8_FILE):
            measured, recipe = manifest["accuracy"][file], manifest["training"]["recipe"]
            rows.append(
                f"| `artifacts/{manifest['name']}/{file}` | {manifest['parameters']:,} | {manifest['multiply_adds']:,} "
                f"| {manifest['files'][file]['bytes']:,} | {measured['top1']:.2%} "
                f"| `{recipe['name']}`, {recipe['epochs']} epoch, seed {manifest['training']['seed']} |"
            )
    made_with = ", ".join(f"{package} {versions[package]}" for package in ("torch", "onnx", "onnxruntime"))
    return "\n".join(
        [
            "| file | parameters | multiply-adds | bytes | top-1 accuracy | recipe |",
            "| --- | ---: | ---: | ---: | ---: | --- |",
            *rows,
            "",
            f"Measured on MNIST's 10,000 test images, trained on its 60,000 training images; {made_with}.",
        ]
    )


def with_tables(text: str, artifacts: Path = ARTIFACTS) -> str:
    """Give a page with its tables written anew."""
    tables = {"accuracy": accuracy_table(artifacts)}
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda match, table=table: f"{match[1]}{table}{match[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_tables(page.read_text("utf-8")), "utf-8")
