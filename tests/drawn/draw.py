"""Draws the digits in digits/ as a person would on the page of `mnist-burn serve`: with a mouse or a finger, a round
pen, anti-aliased, dark on light, on 280 by 280 pixels. Needs only Python 3.

    python3 tests/drawn/draw.py

writes the same files every time: `<truth>-<shape>-<number>.png`.
"""

import math
import random
import struct
import zlib
from pathlib import Path

CANVAS = 280
# Drawings of each shape.
DRAWINGS = 4
SEED = 1


def oval(x, y, width, height, start, sweep):
    """Points around (x, y), clockwise from `start`, both angles in degrees; 0 is to the right."""
    steps = max(4, round(abs(sweep) / 30))
    angles = (math.radians(start + sweep * step / steps) for step in range(steps + 1))
    return [(x + width / 2 * math.cos(angle), y + height / 2 * math.sin(angle)) for angle in angles]


# The shapes of each digit, in a box of about 60 by 100, y pointing down. A shape is a list of strokes. A stroke is a list
# of points on a smooth curve; a point given twice is a corner.
SHAPES = {
    0: {
        "round": [oval(30, 50, 64, 100, -90, -360)],
        "narrow": [oval(30, 50, 38, 100, -70, -370)],
        "wide": [oval(30, 50, 84, 92, -110, 365)],
        "gap": [oval(30, 50, 60, 100, -60, -340)],
    },
    1: {
        "bare": [[(31, 0), (30, 50), (29, 100)]],
        "flag": [[(10, 26), (34, 0), (34, 0), (34, 100)]],
        "foot": [[(10, 26), (32, 0), (32, 0), (32, 100)], [(6, 100), (58, 99)]],
        "curl": [[(12, 24), (25, 16), (34, 0), (34, 0), (33, 50), (34, 100)]],
    },
    2: {
        "plain": [[(4, 24), (12, 6), (32, 0), (52, 8), (54, 28), (40, 54), (20, 78), (2, 98), (2, 98), (60, 98)]],
        "loop": [
            [(6, 22), (16, 4), (36, 0), (52, 12), (50, 36), (34, 64), (14, 90), (3, 95), (2, 84), (12, 80), (26, 88),
             (42, 98), (60, 93)]
        ],
        "angular": [[(2, 10), (26, 0), (50, 10), (46, 36), (24, 70), (0, 100), (0, 100), (30, 98), (60, 100)]],
        "swan": [
            [(8, 30), (10, 10), (30, 0), (50, 12), (46, 40), (22, 78), (2, 98), (2, 98), (20, 89), (40, 98), (60, 90)]
        ],
    },
    3: {
        "bows": [[(4, 14), (24, 0), (50, 8), (50, 32), (24, 46), (24, 46), (52, 56), (58, 80), (32, 100), (2, 88)]],
        "flat": [[(4, 1), (54, 0), (54, 0), (24, 40), (24, 40), (50, 48), (58, 72), (40, 98), (2, 92)]],
        "loop": [
            [(6, 12), (28, 0), (50, 12), (42, 36), (23, 49), (18, 43), (30, 42), (54, 58), (56, 82), (30, 100), (2, 90)]
        ],
        "smooth": [[(4, 10), (28, 0), (48, 14), (42, 36), (32, 47), (46, 55), (58, 72), (44, 94), (20, 100), (2, 90)]],
    },
    4: {
        "open": [[(8, 0), (4, 56), (4, 56), (60, 56)], [(44, 10), (43, 100)]],
        "closed": [[(44, 0), (0, 64), (0, 64), (62, 64)], [(44, 0), (44, 100)]],
        "cup": [[(6, 0), (5, 32), (18, 52), (38, 48), (49, 30)], [(52, 0), (49, 50), (46, 100)]],
        "single": [[(62, 63), (0, 62), (0, 62), (44, 0), (44, 0), (43, 100)]],
    },
    5: {
        "bar": [[(10, 2), (8, 42), (8, 42), (30, 36), (54, 48), (56, 76), (34, 98), (2, 92)], [(10, 2), (54, 0)]],
        "single": [
            [(54, 0), (12, 2), (12, 2), (8, 44), (8, 44), (32, 38), (56, 54), (54, 82), (28, 100), (0, 92)]
        ],
        "snake": [[(54, 4), (28, 2), (10, 12), (12, 34), (34, 46), (54, 60), (52, 84), (28, 100), (2, 92)]],
        "loose": [[(10, 8), (8, 46), (8, 46), (32, 40), (56, 54), (54, 82), (28, 100), (2, 90)], [(15, 7), (57, 0)]],
    },
    6: {
        "straight": [[(44, 0), (16, 40), (4, 72), (16, 96), (38, 98), (52, 78), (38, 60), (16, 64), (6, 76)]],
        "curled": [[(52, 10), (36, 0), (14, 14), (2, 50), (8, 88), (30, 100), (52, 86), (50, 62), (28, 54), (6, 68)]],
        "slim": [[(34, 0), (14, 36), (6, 76), (20, 100), (38, 90), (36, 70), (19, 68), (8, 82)]],
        "wide": [[(42, 0), (14, 26), (0, 64), (14, 96), (44, 98), (60, 78), (44, 58), (16, 62), (3, 76)]],
    },
    7: {
        "plain": [[(2, 2), (58, 0), (58, 0), (22, 100)]],
        "barred": [[(2, 2), (58, 0), (58, 0), (24, 100)], [(16, 51), (54, 48)]],
        "hook": [[(4, 18), (4, 2), (4, 2), (58, 2), (58, 2), (28, 100)]],
        "curved": [[(0, 7), (20, 1), (56, 4), (56, 4), (36, 42), (26, 100)]],
    },
    8: {
        "figure": [
            [(46, 12), (26, 0), (8, 16), (20, 40), (44, 58), (50, 82), (28, 100), (6, 82), (16, 56), (44, 36), (46, 14)]
        ],
        "rings": [oval(30, 24, 42, 48, -90, -360), oval(30, 74, 54, 52, -90, 360)],
        "open": [[(54, 4), (26, 1), (8, 18), (24, 42), (48, 62), (46, 90), (22, 100), (6, 84), (22, 56), (54, 14)]],
        "narrow": [
            [(30, 0), (14, 14), (22, 40), (42, 66), (38, 92), (24, 100), (12, 88), (18, 62), (38, 34), (42, 12), (30, 0)]
        ],
    },
    9: {
        "straight": [[(46, 12), (26, 0), (6, 14), (8, 40), (30, 48), (45, 32), (48, 6), (48, 6), (46, 100)]],
        "curved": [[(48, 14), (28, 0), (6, 14), (8, 40), (30, 50), (47, 34), (50, 10), (50, 50), (38, 84), (14, 100)]],
        "hooked": [
            [(46, 14), (28, 0), (6, 14), (8, 40), (30, 48), (46, 32), (49, 12), (50, 60), (44, 92), (24, 100), (6, 88)]
        ],
        "leaning": [[(50, 6), (30, 0), (8, 16), (12, 42), (36, 42), (52, 6), (52, 6), (26, 100)]],
    },
}


def between(a, b, c, d, t):
    """The Catmull-Rom spline from b (t = 0) to c (t = 1)."""
    return b + (t * (c - a) + t**2 * (2 * a - 5 * b + 4 * c - d) + t**3 * (3 * (b - c) + d - a)) / 2


def smooth(points):
    """The curve through the points, in small steps, with corners where a point is given twice."""
    curve, piece = [], []
    for point in [*points, points[-1]]:
        if piece and point == piece[-1]:
            around = [piece[0], *piece, piece[-1]]
            for a, b, c, d in zip(around, around[1:], around[2:], around[3:]):
                curve += [tuple(between(*along, step / 40) for along in zip(a, b, c, d)) for step in range(40)]
            curve.append(point)
            piece = []
        piece.append(point)
    return curve


def handwritten(strokes, rng):
    """The strokes of one drawing, with a random wobble, slant, size and position, and the pen's width."""
    height = rng.uniform(90, 220)
    pen = min(rng.uniform(9, 26), height / 7)
    stretch, slant, turn = rng.uniform(0.8, 1.15), rng.uniform(-8, 22), rng.uniform(-5, 5)
    slant, turn = math.tan(math.radians(slant)), math.radians(turn)

    def placed(x, y):
        x, y = x + rng.uniform(-2.5, 2.5), y + rng.uniform(-2.5, 2.5)
        x, y = (stretch * x - slant * y) * height / 100, y * height / 100
        return x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)

    written = []
    for stroke in strokes:
        # A corner stays a corner: its two points wobble together.
        wobbling = {point: placed(*point) for point in stroke}
        written.append(smooth([wobbling[point] for point in stroke]))
    xs, ys = zip(*(point for stroke in written for point in stroke))
    room = CANVAS - pen - 4
    scale = min(1, room / (max(xs) - min(xs)), room / (max(ys) - min(ys)))
    left = pen / 2 + 2 + rng.uniform(0, room - scale * (max(xs) - min(xs)))
    top = pen / 2 + 2 + rng.uniform(0, room - scale * (max(ys) - min(ys)))
    shift = lambda x, y: (left + scale * (x - min(xs)), top + scale * (y - min(ys)))
    return [reported([shift(*point) for point in stroke], rng) for stroke in written], pen


def reported(curve, rng):
    """The points of a movement that a mouse reports: whole pixels, some distance apart."""
    points = [curve[0]]
    for point in curve:
        if math.dist(points[-1], point) > rng.uniform(5, 14):
            points.append(point)
    points.append(curve[-1])
    return [(round(x), round(y)) for x, y in points]


def drawn(strokes, pen):
    """Rows of grey levels: the strokes with a round pen, dark on light."""
    distances = [[pen] * CANVAS for _ in range(CANVAS)]
    for (ax, ay), (bx, by) in ((a, b) for stroke in strokes for a, b in zip(stroke, stroke[1:])):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        reach = math.ceil(pen / 2 + 1)
        for y in range(max(0, min(ay, by) - reach), min(CANVAS, max(ay, by) + reach + 1)):
            for x in range(max(0, min(ax, bx) - reach), min(CANVAS, max(ax, bx) + reach + 1)):
                along = min(1, max(0, ((x - ax) * dx + (y - ay) * dy) / length)) if length else 0
                distance = math.hypot(x - ax - along * dx, y - ay - along * dy)
                distances[y][x] = min(distances[y][x], distance)
    ink = lambda distance: min(1, max(0, pen / 2 + 0.5 - distance))
    return [bytes(255 - round(255 * ink(distance)) for distance in row) for row in distances]


def png(rows):
    """A grey PNG file."""
    chunk = lambda kind, data: (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    )
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def main():
    folder = Path(__file__).parent / "digits"
    folder.mkdir(exist_ok=True)
    for digit, shapes in SHAPES.items():
        for shape, strokes in shapes.items():
            for number in range(1, DRAWINGS + 1):
                name = f"{digit}-{shape}-{number}"
                # Each drawing has its own generator, so that a new shape does not change the other drawings.
                rng = random.Random(f"{SEED} {name}")
                (folder / f"{name}.png").write_bytes(png(drawn(*handwritten(strokes, rng))))


if __name__ == "__main__":
    main()
