"""List the layers of a network with their output shapes, parameters and multiply-adds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from mnist_edge.data.mnist import IMAGE_SIZE


@dataclass(frozen=True)
class Layer:
    """One layer of a network."""

    name: str  # the module's path (`blocks.0.1`), or the function's name (`add_1`)
    kind: str  # the module's class, or the function's name
    inputs: tuple[str, ...]  # names of the layers that it reads
    output_shape: tuple[int, ...]  # of one image, without the batch dimension
    parameters: int
    multiply_adds: int  # for one image, of convolutions and linear layers only and without biases, as is customary
    parameter_bytes: int


class _LeafTracer(fx.Tracer):
    """Treats every module without children as one layer."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002
        return not any(m.children())


def layers_of(model: nn.Module) -> list[Layer]:
    """Return the layers of a network in the order in which they are computed."""
    graph = _LeafTracer().trace(model)
    training = model.training
    # In training mode, batch normalization would learn from the zeros below.
    traced = fx.GraphModule(model.eval(), graph)
    ShapeProp(traced).propagate(torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8))
    model.train(training)
    return [_layer(node, model) for node in graph.nodes if node.op not in ("placeholder", "output")]


def _layer(node: fx.Node, model: nn.Module) -> Layer:
    shape = tuple(node.meta["tensor_meta"].shape[1:])
    module = model.get_submodule(str(node.target)) if node.op == "call_module" else None
    parameters = list(module.parameters()) if module is not None else []
    multiply_adds = 0
    if isinstance(module, nn.Conv2d):
        multiply_adds = module.weight[0].numel() * math.prod(shape)
    elif isinstance(module, nn.Linear):
        multiply_adds = module.weight.numel()
    return Layer(
        name=_name(node),
        kind=type(module).__name__ if module is not None else _name(node),
        inputs=tuple(_name(source) for source in node.all_input_nodes),
        output_shape=shape,
        parameters=sum(tensor.numel() for tensor in parameters),
        multiply_adds=multiply_adds,
        parameter_bytes=sum(tensor.numel() * tensor.element_size() for tensor in parameters),
    )


def _name(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else node.name


def total_multiply_adds(layers: Iterable[Layer]) -> int:
    """Return the multiply-adds of all layers for one image."""
    return sum(layer.multiply_adds for layer in layers)


def mermaid(layers: Sequence[Layer]) -> str:
    """Return a Mermaid flowchart of layers, for Markdown pages."""
    numbers = {layer.name: f"n{index}" for index, layer in enumerate(layers)}
    lines = ["flowchart TD", f'    input(["image 1×{IMAGE_SIZE}×{IMAGE_SIZE}"])']
    for layer in layers:
        shape = "×".join(map(str, layer.output_shape))
        parameters = f"<br/>{layer.parameters:,} parameters" if layer.parameters else ""
        lines.append(f'    {numbers[layer.name]}["{layer.kind}<br/>{shape}{parameters}"]')
        lines.extend(f"    {numbers.get(source, 'input')} --> {numbers[layer.name]}" for source in layer.inputs)
    lines.append('    output(["logits"])')
    lines.append(f"    {numbers[layers[-1].name]} --> output")
    return "\n".join(lines)
