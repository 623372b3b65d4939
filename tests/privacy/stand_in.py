"""Draws a stand-in for MNIST that shows nobody's handwriting. The values of config/private.toml were chosen on it.

    python3 tests/privacy/stand_in.py FOLDER

writes four IDX files with 60,000 training and 10,000 test images, the same every time. The strokes are those of
tests/drawn/draw.py, bent and written with many pens. As in MNIST, a digit is light on dark and fits into 20 by 20 pixels.
Its centre of mass is in the middle of the image; in MNIST, it is half a pixel farther right and down. Needs numpy.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent.parent / "drawn"))
from draw import SHAPES, smooth

SEED = 1
SIDE, BOX = 28, 20
# How strongly the drawings of a shape differ: standard deviations, in hundredths of the height, degrees, or pixels.
WOBBLE, BEND, SLANT, TURN = 4.0, 2.0, 14.0, 6.0
PEN, LARGEST_PEN = (0.7, 1.7), 2.5


def curves(strokes):
    """The points of a shape, `[points, 2]`, and the matrix that makes the pen's positions on its curves of them."""
    points = [(number, point) for number, stroke in enumerate(strokes) for point in dict.fromkeys(stroke)]
    rows = []
    for number, stroke in enumerate(strokes):
        # A curve is linear in its points, so that the curve through unit vectors is the matrix.
        unit = lambda point: tuple(float(other == (number, point)) for other in points)
        rows += smooth([unit(point) for point in stroke])[::2]
    return np.array([point for _, point in points], float), np.array(rows)


def written(strokes, count, rng):
    """`count` drawings of a shape: the positions of the pen in hundredths of the height, and its radii in pixels."""
    points, matrix = curves(strokes)
    normal = lambda deviation, *shape: rng.normal(0, deviation, (count, *shape))
    angles = lambda *shape: rng.uniform(0, 2 * np.pi, (count, *shape))
    x, y = np.moveaxis(matrix @ (points + normal(WOBBLE, *points.shape)), 2, 0)
    x = x * rng.uniform(0.65, 1.3, (count, 1))
    # Waves in random directions bend the whole digit.
    for length in (60, 90, 140):
        height, phase, angle = normal(BEND, 2, 1), angles(2, 1), angles(1)
        along = (x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length
        x = x + height[:, 1] * np.sin(along + phase[:, 0])
        y = y + height[:, 0] * np.sin(along + phase[:, 1])
    slant, turn = np.tan(np.radians(7 + normal(SLANT, 1))), np.radians(normal(TURN, 1))
    x = x - slant * (y - 50)
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    # The pressure of the pen changes along the way.
    way = np.linspace(0, 2 * np.pi, x.shape[1])
    pressure = 1 + 0.2 * np.sin(way * rng.uniform(0.3, 2, (count, 1)) + angles(1))
    return x, y, np.minimum(rng.uniform(*PEN, (count, 1)) * pressure, LARGEST_PEN)


def fitted(x, y, radii):
    """The positions of the pen in pixels, so that the ink fits into a box in the middle of the image."""
    reach = radii.max(1, keepdims=True) + 0.5
    low, high = (np.array([side(x, axis=1), side(y, axis=1)])[:, :, None] for side in (np.min, np.max))
    scale = (BOX - 2 * reach) / (high - low).max(0)
    return [(values - middle) * scale + SIDE / 2 - 0.5 for values, middle in zip((x, y), (low + high) / 2)]


def rendered(x, y, radii):
    """Images `[count, 28, 28]` of grey levels between 0 and 1, with smooth edges."""
    count, around = len(x), np.arange(-3, 4)
    images = np.zeros((count, SIDE, SIDE), np.float32)
    left, top = np.rint(x).astype(int), np.rint(y).astype(int)
    first = np.arange(count)[:, None] * SIDE * SIDE
    for down in around:
        for right in around:
            distances = np.hypot(left + right - x, top + down - y)
            ink = np.clip(radii + 0.5 - distances, 0, 1).astype(np.float32)
            places = first + np.clip(top + down, 0, SIDE - 1) * SIDE + np.clip(left + right, 0, SIDE - 1)
            np.maximum.at(images.reshape(-1), places[ink > 0], ink[ink > 0])
    return images


def centred(images):
    """The images, shifted by whole pixels so that the centre of mass is in the middle."""
    pixels = np.arange(SIDE)
    mass = images.sum((1, 2))
    for axis in (1, 2):
        centre = (images.sum(3 - axis) * pixels).sum(1) / mass
        shift = np.clip(np.rint(centre - (SIDE - 1) / 2), -4, 4).astype(int)
        places = (pixels + shift[:, None]) % SIDE
        images = np.take_along_axis(images, np.expand_dims(places, 3 - axis), axis)
    return images


def drawn(count, rng):
    """`count` images of bytes, with their labels."""
    labels, kinds = rng.integers(0, 10, count), rng.integers(0, 4, count)
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    for digit, shapes in SHAPES.items():
        for kind, strokes in enumerate(shapes.values()):
            chosen = np.flatnonzero((labels == digit) & (kinds == kind))
            x, y, radii = written(strokes, len(chosen), rng)
            images[chosen] = np.rint(255 * centred(rendered(*fitted(x, y, radii), radii)))
    return images, labels.astype(np.uint8)


def write(path, values):
    """An IDX file of bytes, compressed without a date."""
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), 6, mtime=0))


def main():
    folder, rng = Path(sys.argv[1]), np.random.default_rng(SEED)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        images, labels = drawn(count, rng)
        write(folder / f"{part}-images-idx3-ubyte.gz", images)
        write(folder / f"{part}-labels-idx1-ubyte.gz", labels)


if __name__ == "__main__":
    main()
