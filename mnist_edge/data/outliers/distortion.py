"""What tells handwriting from print: slant, bends, strokes of another width."""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from mnist_edge.data.drawing import Pixels

_FADED = [level // 2 for level in range(256)]


def distort_by_hand(picture: Image.Image, generator: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Distort a picture of bright ink as handwriting is: slanted, bent, with strokes of another width."""
    width, height = picture.size
    if generator.random() < 0.3:
        if generator.random() < 0.6:
            picture = picture.filter(ImageFilter.MaxFilter(3))
        else:  # thin lines fade, but do not break
            picture = ImageChops.lighter(picture.filter(ImageFilter.MinFilter(3)), picture.point(_FADED))
    cells = np.mgrid[0:5, 0:5].transpose(1, 2, 0)[..., ::-1] / 4  # x, y
    middle = cells - 0.5
    slant, angle = generator.normal(0, 0.15), generator.normal(0, 0.1)
    scale = np.exp(generator.normal(0, [0.2, 0.12]))
    matrix = np.array([[scale[0], slant], [0, scale[1]]]) @ np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    source = (middle @ matrix.T + 0.5 + generator.normal(0, 0.025 * strength, cells.shape)) * (width, height)
    boxes = [
        (
            (column * width // 4, row * height // 4, (column + 1) * width // 4, (row + 1) * height // 4),
            tuple(source[[row, row + 1, row + 1, row], [column, column, column + 1, column + 1]].ravel().tolist()),
        )
        for row in range(4)
        for column in range(4)
    ]
    return np.asarray(picture.transform(picture.size, Image.Transform.MESH, boxes, Image.Resampling.BILINEAR))
