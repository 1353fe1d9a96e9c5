"""Container images of environments: their bases, how they are built, what is in them, and how they travel.

``find_image`` and ``build_image`` are all that engines need.
"""

from replab.images.build import build_image, find_image
from replab.images.record import Image

__all__ = ["Image", "build_image", "find_image"]
