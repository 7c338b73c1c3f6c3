"""Exact sizes, inputs and outputs of the networks."""

import pytest
import torch

from mnist_edge.errors import UnknownNameError
from mnist_edge.training.layers import layers_of, mermaid, total_multiply_adds
from mnist_edge.training.models import build_model, count_parameters

# Computed by hand from the sizes of each layer.
PARAMETERS = {
    "v1": {"blocks.0.0": 80, "blocks.1.0": 1_168, "blocks.2.0": 3_480, "head.1": 19_096, "head.4": 890},
    "v2": {
        "blocks.0.0": 144,
        "blocks.0.1": 32,
        "blocks.1.0": 4_608,
        "blocks.1.1": 64,
        "blocks.2.0": 18_432,
        "blocks.2.1": 128,
        "head.3": 640,
    },
}
MULTIPLY_ADDS = {
    "v1": 8 * 784 * 9 + 16 * 196 * 8 * 9 + 24 * 49 * 16 * 9 + 216 * 88 + 88 * 10,
    "v2": 16 * 784 * 9 + 32 * 196 * 16 * 9 + 64 * 49 * 32 * 9 + 64 * 10,
}
TOTALS = {"v1": 24_714, "v2": 24_048}


@pytest.mark.parametrize("architecture", TOTALS)
def test_parameters_and_multiply_adds_are_exact(architecture: str) -> None:
    model = build_model(architecture)
    assert count_parameters(model) == TOTALS[architecture] < 25_000
    layers = layers_of(model)
    assert {layer.name: layer.parameters for layer in layers if layer.parameters} == PARAMETERS[architecture]
    assert total_multiply_adds(layers) == MULTIPLY_ADDS[architecture]


@pytest.mark.parametrize("architecture", ["v1", "v2", "lenet5", "cnn", "resnet18"])
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_every_network_returns_ten_logits_per_image(architecture: str, batch: int) -> None:
    with torch.inference_mode():
        logits = build_model(architecture).eval()(torch.zeros(batch, 1, 28, 28, dtype=torch.uint8))
    assert (logits.shape, logits.dtype) == ((batch, 10), torch.float32)


@pytest.mark.parametrize("architecture", ["v1", "v2", "lenet5", "cnn"])
def test_initial_weights_are_drawn_in_layer_order(architecture: str) -> None:
    """Another order would give other weights for the same seed."""
    torch.manual_seed(0)
    model = build_model(architecture)
    built = [parameter.clone() for parameter in model.parameters()]
    torch.manual_seed(0)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.reset_parameters()
    assert all(torch.equal(before, after) for before, after in zip(built, model.parameters(), strict=True))


def test_v1_has_146_biases() -> None:
    biases = [values.numel() for name, values in build_model("v1").named_parameters() if name.endswith("bias")]
    assert sum(biases) == 146


def test_pixels_are_divided_by_255() -> None:
    model = build_model("v1").eval()
    pixels = torch.arange(784, dtype=torch.int32).remainder(256).to(torch.uint8).reshape(1, 1, 28, 28)
    expected = model.head(model.blocks(pixels.float() / 255))  # type: ignore[operator]
    assert torch.equal(model(pixels), expected)


def test_an_unknown_network_is_an_error_listing_the_known() -> None:
    with pytest.raises(UnknownNameError, match="there is no model 'v3'; there are v1, v2"):
        build_model("v3")


@pytest.mark.parametrize("architecture", TOTALS)
def test_the_diagram_shows_all_layers_in_sequence(architecture: str) -> None:
    layers = layers_of(build_model(architecture))
    lines = mermaid(layers).splitlines()
    assert lines[0] == "flowchart TD"
    assert sum("-->" in line for line in lines) == len(layers) + 1
    for layer in layers:
        if layer.parameters:
            assert any(layer.kind in line and f"{layer.parameters:,} parameters" in line for line in lines)


def test_layers_of_a_branched_network_are_listed() -> None:
    class Branched(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = torch.nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            unit = pixels / 255.0
            return self.convolution(unit) + unit  # type: ignore[no-any-return]

    layers = layers_of(Branched())
    assert [(layer.name, layer.inputs) for layer in layers] == [
        ("truediv", ("pixels",)),
        ("convolution", ("truediv",)),
        ("add", ("convolution", "truediv")),
    ]
    assert layers[1].multiply_adds == 784 * 9
