"""The photographs that scikit-image ships inside its wheel, so that nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image


def photographs(names: Iterable[str], longest: int) -> list[Image.Image]:
    """The photographs of these names, such as "astronaut", RGB, scaled down to `longest` pixels a side at most."""
    from skimage import data

    pictures = [Image.fromarray(np.asarray(getattr(data, name)())).convert("RGB") for name in names]
    for picture in pictures:
        picture.thumbnail((longest, longest))
    return pictures
