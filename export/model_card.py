"""Fill in the model card, the Markdown page of a folder of artifacts, from its manifest."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from export.confidence import MEDIAN_PLAUSIBILITY, REJECTED_SHARE
from mnist_edge.machine import describe_versions
from mnist_edge.training.recipes import Recipe
from runtime.contract import INT8_FILE, Reason

if TYPE_CHECKING:
    from export.manifest import Manifest

_TEMPLATE = Path(__file__).with_suffix(".md")
_WORST_KINDS = 6


def model_card(manifest: "Manifest") -> str:
    """Return the model card in Markdown."""
    recipe = msgspec.convert(manifest.training.recipe, Recipe)
    operators = manifest.files[INT8_FILE].operators or {}
    files = [f"| `{name}` | {entry.bytes:,} | `{entry.sha256[:16]}…` |" for name, entry in manifest.files.items()]
    return _TEMPLATE.read_text("utf-8").format(
        manifest=manifest,
        recipe=recipe,
        accuracies=_accuracies(manifest),
        optimizer=_optimizer(recipe),
        augmentation=_augmentation(recipe),
        drawn=f", plus {recipe.drawn_digits} digits drawn by code in each batch" if recipe.drawn_digits else "",
        origin=_origin(recipe),
        files="\n".join(files),
        rejected_share=REJECTED_SHARE,
        median_plausibility=MEDIAN_PLAUSIBILITY,
        operators=", ".join(f"{count} {operator}" for operator, count in operators.items()),
        versions=describe_versions(manifest.versions),
        robustness=_robustness(manifest),
        styles=_styles(manifest),
        rejection=_rejection(manifest),
        rejections=", ".join(f"{reason.value} `{reason.label}`" for reason in Reason),
    )


def _accuracies(manifest: "Manifest") -> str:
    rows = [
        f"| `{name}` | {entry.top1:.2%} | {entry.correct:,} of {entry.images:,} | "
        f"{entry.expected_calibration_error:.2%} | {entry.rejected:.2%} | {entry.data_set} |"
        for name, entry in manifest.accuracy.items()
        if entry.top1 is not None
    ]
    if not rows:
        return f"Not measured yet: run `mnist-edge evaluate {manifest.name} --record`."
    header = "| file | top-1 accuracy | correct | expected calibration error | rejected | data set |"
    return "\n".join([header, "| --- | --- | --- | --- | --- | --- |", *rows])


def _optimizer(recipe: Recipe) -> str:
    rates = f"learning rate {recipe.peak_learning_rate:g}, {recipe.final_learning_rate:g} at the end"
    if recipe.muon_learning_rate is None:
        return f"Adam, {rates}"
    return f"AdamW, {rates}; for the inner layers Muon, learning rate {recipe.muon_learning_rate:g}"


def _augmentation(recipe: Recipe) -> str:
    if not recipe.augmentation:
        return "none"
    return (
        "digits are shifted, bent, blurred, broken and smudged at random\n"
        f"- Outliers: {recipe.outliers} images without a digit are added to each batch; for these the network learns\n"
        "  equal probabilities for all digits"
    )


def _origin(recipe: Recipe) -> str:
    mnist = "single digits, handwritten in the United States and scanned in the\n1990s."
    if not recipe.drawn_digits:
        return f"All digits that the model was trained on are MNIST's: {mnist}"
    return (
        f"The only real handwriting in the training is MNIST's: {mnist}\n"
        "Styles of other countries were only drawn by code."
    )


def _robustness(manifest: "Manifest") -> str:
    entry = manifest.accuracy.get(INT8_FILE)
    if entry is None or entry.robustness is None:
        command = f"mnist-edge evaluate {manifest.name} --suite robustness --record"
        return f"Robustness is not measured yet: run `{command}`."
    means, rejected, kinds = entry.robustness.means, entry.robustness.rejected, entry.robustness.kinds
    return (
        f"The robustness suite renders {entry.robustness.images_per_kind:,} test images as each kind of photograph and "
        f"corruption. The int8 model's mean\naccuracy is {means.photograph:.2%} on photographs and "
        f"{means.corruption:.2%} on corruptions; {rejected.photograph:.1%} and {rejected.corruption:.1%} are rejected. "
        f"The worst kinds:\n\n{_table('kind', kinds)}"
    )


def _styles(manifest: "Manifest") -> str:
    entry = manifest.accuracy.get(INT8_FILE)
    if entry is None or entry.styles is None:
        command = f"mnist-edge evaluate {manifest.name} --suite styles --record"
        return f"Accuracy by style of handwriting is not measured yet: run `{command}`."
    mean, accuracies = entry.styles.mean, {name: shares.accuracy for name, shares in entry.styles.styles.items()}
    rejected = sorted(entry.styles.styles.items(), key=lambda style: -style[1].rejected)[:_WORST_KINDS]
    return (
        f"Of digits drawn in {len(accuracies)} styles of handwriting that training does not contain, "
        f"the int8 model's best guess is right for {mean.accuracy:.1%}; it rejects {mean.rejected:.1%}, right or not.\n"
        f"Most often rejected: {'; '.join(f'{name} ({shares.rejected:.0%})' for name, shares in rejected)}.\n"
        f"The styles with the lowest accuracy:\n\n{_table('style', accuracies)}"
    )


def _rejection(manifest: "Manifest") -> str:
    entry = manifest.accuracy.get(INT8_FILE)
    if entry is None or entry.rejection is None:
        command = f"mnist-edge evaluate {manifest.name} --suite rejection --record"
        return f"Rejection of non-digits is not measured yet: run `{command}`."
    shares = entry.rejection.own.non_digits
    rates = ", ".join(f"{kind} {rejected:.1%}" for kind, rejected in _lowest(entry.rejection.kinds))
    return (
        f"Of images without a digit, the int8 model rejects {shares['blank or noise']:.1%} of blank and noisy ones, "
        f"{shares['unseen class']:.1%} of classes that training\ndoes not show, {shares['seen class']:.1%} of other "
        f"classes, and {shares['natural']:.1%} of parts of photographs. The lowest rates:\n{rates}."
    )


def _table(title: str, accuracies: dict[str, float]) -> str:
    rows = "\n".join(f"| {name} | {accuracy:.1%} |" for name, accuracy in _lowest(accuracies))
    return f"| {title} | accuracy |\n| --- | ---: |\n{rows}"


def _lowest(shares: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda kind: kind[1])[:_WORST_KINDS]
