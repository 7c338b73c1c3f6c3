"""The int8 layout computes what the plain graph computes."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import ModelProto
from torch import nn
from torch.nn import functional

from export.layout import block_weights, lay_out
from export.quantize import strip_input_scaling
from export.to_onnx import to_float_onnx
from mnist_edge.data.drawing import draw_digits
from mnist_edge.data.mnist import Split
from mnist_edge.training.models import PixelsToUnit

TOLERANCE = 1e-5


def _run(model: ModelProto, images: NDArray[np.float32]) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    logits: NDArray[np.float32] = session.run(None, {"image": images})[0]
    return logits


def _kinds(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def _noise(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(count).uniform(0, 1, (count, 1, 28, 28)).astype(np.float32)


def test_the_committed_networks_compute_the_same_laid_out(float_onnx: ModelProto) -> None:
    plain = strip_input_scaling(float_onnx)
    laid_out = lay_out(plain)
    assert _kinds(laid_out) != _kinds(plain)
    digits = draw_digits(30).images[:, None].astype(np.float32) / np.float32(255)
    for images in (digits, _noise(1), _noise(7)):
        assert np.abs(_run(laid_out, images) - _run(plain, images)).max() <= TOLERANCE


def test_they_compute_the_same_on_the_test_images(float_onnx: ModelProto, mnist_test: Split) -> None:
    plain = strip_input_scaling(float_onnx)
    images = mnist_test.images[:2_000, None].astype(np.float32) / np.float32(255)
    assert np.abs(_run(lay_out(plain), images) - _run(plain, images)).max() <= TOLERANCE


class _Network(nn.Module):
    """A first block with any number of channels, and a tail with or without a global average pool."""

    def __init__(self, channels: int, *, bias: bool, pooled: bool) -> None:
        super().__init__()
        self.unit = PixelsToUnit()
        self.block = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1, bias=bias), nn.ReLU(), nn.MaxPool2d(2))
        self.shrink = nn.MaxPool2d(4)
        self.pool = nn.AdaptiveAvgPool2d(1) if pooled else nn.Identity()
        self.last = nn.Linear(channels if pooled else channels * 9, 10)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.pool(self.shrink(self.block(self.unit(pixels))))
        logits: torch.Tensor = self.last(features.flatten(1))
        return logits


@pytest.mark.parametrize(
    ("channels", "bias", "pooled"),
    [(1, True, False), (3, False, True), (8, True, True), (8, False, False), (16, False, True), (33, True, False)],
)
def test_any_number_of_channels_computes_the_same(channels: int, bias: bool, pooled: bool) -> None:
    torch.manual_seed(channels)
    plain = strip_input_scaling(to_float_onnx(_Network(channels, bias=bias, pooled=pooled)))
    laid_out = lay_out(plain)
    assert _kinds(laid_out).count("Reshape") == 4
    assert "GlobalAveragePool" not in _kinds(laid_out)
    for count in (1, 2, 7):
        assert np.abs(_run(laid_out, _noise(count)) - _run(plain, _noise(count))).max() <= TOLERANCE


def test_block_weights_compute_the_convolution() -> None:
    """Compared with PyTorch's convolution, pixel by pixel."""
    weights = np.random.default_rng(0).normal(size=(2, 1, 3, 3)).astype(np.float32)
    image = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 1, 4, 8)).astype(np.float32))
    expected = functional.conv2d(image, torch.from_numpy(weights), padding=1)[0]
    blocks = image.reshape(1, 4, 2, 4).permute(0, 3, 1, 2)
    outputs = functional.conv2d(blocks, torch.from_numpy(block_weights(weights)), stride=(2, 1), padding=1)
    phases = outputs.reshape(2, 2, 2, 2, 2, 2)  # py, px, window, channel, row pair, block
    for py, px, window, channel, row, block in np.ndindex(2, 2, 2, 2, 2, 2):
        pixel = expected[channel, 2 * row + py, 4 * block + 2 * window + px]
        assert torch.isclose(phases[py, px, window, channel, row, block], pixel, atol=1e-6)


class _Other(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(PixelsToUnit(), *layers, nn.Flatten(), nn.LazyLinear(10))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(pixels)
        return logits


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)],
        [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2)],
        [nn.Conv2d(1, 4, 3, padding=1, stride=2), nn.ReLU(), nn.MaxPool2d(2)],
        [nn.Conv2d(1, 4, 3, padding=2, dilation=2), nn.ReLU(), nn.MaxPool2d(2)],
        [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3)],
        [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, padding=1)],
        [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)],
        [nn.Conv2d(1, 4, 3, padding=1), nn.Sigmoid(), nn.MaxPool2d(2)],
        [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()],
    ],
    ids=["5x5", "no padding", "stride", "dilation", "pool 3", "padded pool", "average", "sigmoid", "no pool"],
)
def test_other_first_blocks_are_left_unchanged(layers: list[nn.Module]) -> None:
    torch.manual_seed(0)
    network = _Other(*layers).eval()
    with torch.inference_mode():
        network(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    plain = strip_input_scaling(to_float_onnx(network))
    laid_out = lay_out(plain)
    assert "blocks" not in [node.name for node in laid_out.graph.node]
    assert np.abs(_run(laid_out, _noise(2)) - _run(plain, _noise(2))).max() <= TOLERANCE


@pytest.mark.parametrize("name", ["block.0.weight", "block.0.bias", "last.weight"])
def test_layers_with_computed_weights_are_left_unchanged(name: str) -> None:
    torch.manual_seed(0)
    plain = strip_input_scaling(to_float_onnx(_Network(4, bias=True, pooled=False)))
    for node in plain.graph.node:
        for index, source in enumerate(node.input):
            if source == name:
                node.input[index] = "computed"
    plain.graph.node.insert(0, onnx.helper.make_node("Identity", [name], ["computed"]))
    laid_out = lay_out(plain)
    assert ("blocks" in [node.name for node in laid_out.graph.node]) == (name == "last.weight")
    assert np.abs(_run(laid_out, _noise(2)) - _run(plain, _noise(2))).max() <= TOLERANCE


def _pooled(size: int, *convolutions: nn.Module) -> onnx.ModelProto:
    """Return the float graph of convolutions between two pools, on maps of half of `size`."""
    shrinking = nn.MaxPool2d(28 - size + 1, 1), nn.MaxPool2d(2)
    network = _Other(*shrinking, *convolutions, nn.ReLU(), nn.MaxPool2d(2)).eval()
    with torch.inference_mode():
        network(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    return strip_input_scaling(to_float_onnx(network))


@pytest.mark.parametrize(("size", "computed"), [(28, (14, 14)), (26, (12, 12)), (22, (10, 10)), (20, (10, 10))])
def test_pixels_that_no_pool_reads_are_not_computed(size: int, computed: tuple[int, int]) -> None:
    """The convolution's maps have 14, 13, 11 and 10 rows and columns."""
    torch.manual_seed(0)
    plain = _pooled(size, nn.Conv2d(1, 25, 3, padding=1))
    laid_out = onnx.shape_inference.infer_shapes(lay_out(plain))
    (convolution,) = (node for node in laid_out.graph.node if node.op_type == "Conv")
    (value,) = (value for value in laid_out.graph.value_info if value.name == convolution.output[0])
    assert tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim[2:]) == computed
    for count in (1, 2):
        assert np.abs(_run(laid_out, _noise(count)) - _run(plain, _noise(count))).max() <= TOLERANCE


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("channels", "size", "paired"), [(24, 28, True), (5, 28, True), (25, 28, False), (16, 26, True), (16, 22, True)]
)
def test_few_channels_compute_two_rows_at_a_position(channels: int, size: int, paired: bool, bias: bool) -> None:
    """The convolution's maps have 14, 13 and 11 rows and columns."""
    torch.manual_seed(0)
    plain = _pooled(size, nn.Conv2d(1, 3, 1), nn.Conv2d(3, channels, 3, padding=1, bias=bias))
    laid_out = lay_out(plain)
    kernels = [value.dims[2:] for value in laid_out.graph.initializer if len(value.dims) == 4]
    assert ([4, 3] in kernels) == paired
    for count in (1, 2):
        assert np.abs(_run(laid_out, _noise(count)) - _run(plain, _noise(count))).max() <= TOLERANCE


def test_a_large_map_keeps_its_average_pool() -> None:
    """Merging it would multiply the number of the linear layer's weights by 196."""
    network = _Other(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1))
    network(torch.zeros(1, 1, 28, 28, dtype=torch.uint8))
    assert "GlobalAveragePool" in _kinds(lay_out(strip_input_scaling(to_float_onnx(network))))
