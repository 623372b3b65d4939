"""Draws the digits in photographs/ as cameras show them: on paper or a board, in uneven light, with what else is there.

    python3 tests/drawn/photograph.py

writes `<truth>-<shape>-<number>.jpg`. Needs numpy and Pillow. The shapes are those of draw.py, with other pens, places and
sizes.
"""

import io
import math
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import draw

# Photographs of each shape.
PHOTOGRAPHS = 15
SEED = 2
# The strokes are drawn this many times as large.
FINE = 3

PAPERS = [(245, 245, 242), (232, 228, 214), (252, 240, 140), (205, 214, 224), (226, 196, 168), (178, 178, 176)]
INKS = [(25, 25, 30), (30, 45, 140), (160, 30, 35), (20, 95, 50), (95, 90, 95), (120, 60, 20), (70, 120, 200)]
BOARDS = [(28, 44, 36), (30, 30, 34), (24, 34, 70)]
CHALKS = [(235, 235, 228), (240, 220, 130), (230, 170, 170)]


def stroked(strokes, pen, size):
    """The ink, from 0 to 1, of strokes that fit into `size`."""
    mask = Image.new("L", (size[0] * FINE, size[1] * FINE), 0)
    drawing = ImageDraw.Draw(mask)
    radius = pen * FINE / 2
    for stroke in strokes:
        points = [(x * FINE, y * FINE) for x, y in stroke]
        drawing.line(points, fill=255, width=max(1, round(2 * radius)))
        for x, y in points:
            drawing.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(mask.resize(size, Image.BOX), dtype=float) / 255


def placed(strokes, rng):
    """The strokes in a picture with its own size and margins, and the pen's width."""
    xs, ys = zip(*(point for stroke in strokes for point in stroke))
    width, height = max(xs) - min(xs) + 1, max(ys) - min(ys) + 1
    longer = rng.uniform(70, 260)
    scale = longer / max(width, height)
    pen = longer * rng.choice([rng.uniform(0.012, 0.03), rng.uniform(0.03, 0.09), rng.uniform(0.09, 0.19)])
    tight, wide = rng.uniform(0.02, 0.08), rng.uniform(0.3, 1.4)
    margin = lambda: pen + longer * rng.choice([tight, tight + 0.1, wide * rng.random()])
    left, right, above, below = margin(), margin(), margin(), margin()
    size = (round(left + width * scale + right), round(above + height * scale + below))
    moved = [[((x - min(xs)) * scale + left, (y - min(ys)) * scale + above) for x, y in stroke] for stroke in strokes]
    return moved, pen, size


def light(size, rng, noise):
    """The light at each pixel: falling off to one side, with the edge of a shadow, and spots."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width] / max(size)
    angle = rng.uniform(0, 2 * math.pi)
    along = x * math.cos(angle) + y * math.sin(angle)
    along = (along - along.min()) / (along.max() - along.min() + 1e-9)
    level = 1 - rng.choice([0, 0.2, rng.uniform(0.2, 0.55)]) * along
    if rng.random() < 0.4:
        angle, at, soft = rng.uniform(0, 2 * math.pi), rng.uniform(0.2, 0.8), rng.choice([0.02, 0.1])
        across = x * math.cos(angle) + y * math.sin(angle)
        across = (across - across.min()) / (across.max() - across.min() + 1e-9)
        level *= 1 - rng.uniform(0.15, 0.45) / (1 + np.exp(-(across - at) / soft))
    return level


def ruled(size, rng):
    """Lines on the paper, from 0 to 1: none, ruled or squared."""
    width, height = size
    lines = np.zeros((height, width))
    kind = rng.choice(["plain", "plain", "ruled", "squared"])
    gap, strength = rng.uniform(18, 60), rng.uniform(0.12, 0.45)
    if kind != "plain":
        for at in np.arange(rng.uniform(0, gap), height, gap):
            lines[int(at), :] = strength
    if kind == "squared":
        for at in np.arange(rng.uniform(0, gap), width, gap):
            lines[:, int(at)] = strength
    return lines


def clutter(size, rng):
    """Ink that is not the digit's, from 0 to 1: a frame, specks, an edge of the table."""
    width, height = size
    ink = np.zeros((height, width))
    if rng.random() < 0.15:
        wide = rng.randint(1, max(2, min(size) // 40))
        ink[:wide, :] = ink[-wide:, :] = ink[:, :wide] = ink[:, -wide:] = rng.uniform(0.5, 1)
    if rng.random() < 0.15:
        wide = rng.randint(2, max(3, min(size) // 14))
        ink[:, :wide] = 1 if rng.random() < 0.5 else ink[:, :wide]
        ink[-wide:, :] = 1
    if rng.random() < 0.4:
        for _ in range(rng.randint(1, 12)):
            x, y, radius = rng.randrange(width), rng.randrange(height), rng.choice([0, 1, 1, 2])
            ink[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] = rng.uniform(0.4, 1)
    return ink


def photographed(strokes, rng, noise):
    """A photograph of the strokes as a JPEG file."""
    strokes, pen, size = placed(strokes, rng)
    is_board = rng.random() < 0.2
    paper = np.array(rng.choice(BOARDS if is_board else PAPERS), dtype=float)
    colour = np.array(rng.choice(CHALKS if is_board else INKS), dtype=float)
    faint = rng.choice([1, 1, rng.uniform(0.35, 0.8)])
    ink = faint * stroked(strokes, pen, size)
    if rng.random() < 0.3:
        # A pen that does not cover the grain of the paper.
        ink *= np.clip(noise.normal(0.85, 0.25, ink.shape), 0, 1)
    lines = ruled(size, rng)[..., None]
    line_colour = np.array([120, 150, 205]) if not is_board else np.array([90, 110, 100])
    sheet = paper * (1 - lines) + line_colour * lines
    ink = np.maximum(ink, clutter(size, rng))[..., None]
    seen = sheet * (1 - ink) + colour * ink
    seen = seen * light(size, rng, noise)[..., None]
    picture = Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.choice([0, 0.6, rng.uniform(0.6, 2.2)])))
    grain = noise.normal(0, rng.choice([1, 4, rng.uniform(4, 14)]), (size[1], size[0], 1))
    tint = noise.normal(0, 2, (size[1], size[0], 3))
    picture = Image.fromarray(np.clip(np.asarray(picture) + grain + tint, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=rng.choice([25, 50, 75]))
    return file.getvalue()


def main():
    folder = Path(__file__).parent / "photographs"
    folder.mkdir(exist_ok=True)
    for digit, shapes in draw.SHAPES.items():
        for shape, strokes in shapes.items():
            for number in range(1, PHOTOGRAPHS + 1):
                name = f"{digit}-{shape}-{number:02}"
                rng = random.Random(f"{SEED} {name}")
                written, _ = draw.handwritten(strokes, rng)
                file = photographed(written, rng, np.random.default_rng(rng.randrange(2**32)))
                (folder / f"{name}.jpg").write_bytes(file)


if __name__ == "__main__":
    main()
