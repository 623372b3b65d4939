"""Draws the pictures in others/, which show no digit, or more than one: letters and signs, two digits side by side, noise,
and blank paper. Each is drawn as a person would on the page of `mnist-burn serve` (see draw.py), on 280 by 280 pixels.
Needs only Python 3.

    python3 tests/drawn/others.py

writes the same files every time: `<kind>-<name>-<number>.png`. Letters that are written like a digit (I, O, S, Z, b, g, l, o,
q, s, z) are left out.
"""

import random
from pathlib import Path

from draw import CANVAS, SEED, SHAPES, drawn, handwritten, oval, png

# As in draw.py: strokes in a box of about 60 by 100, y pointing down.
LETTERS = {
    "A": [[(0, 100), (30, 0), (30, 0), (60, 100)], [(12, 62), (48, 62)]],
    "B": [[(4, 0), (4, 100)], [(4, 2), (40, 4), (46, 24), (6, 46), (6, 46), (54, 58), (50, 92), (4, 98)]],
    "C": [oval(32, 50, 62, 100, -50, -260)],
    "D": [[(4, 0), (4, 100)], [(4, 1), (44, 10), (60, 50), (44, 90), (4, 99)]],
    "E": [[(54, 2), (4, 1), (4, 1), (4, 99), (4, 99), (56, 98)], [(4, 48), (44, 48)]],
    "F": [[(56, 2), (4, 1), (4, 1), (4, 100)], [(4, 46), (44, 46)]],
    "G": [[*oval(32, 50, 62, 100, -50, -290), (60, 54), (60, 54), (36, 54)]],
    "H": [[(4, 0), (4, 100)], [(56, 0), (56, 100)], [(4, 50), (56, 50)]],
    "J": [[(46, 0), (46, 76), (26, 100), (2, 84)]],
    "K": [[(4, 0), (4, 100)], [(56, 0), (6, 54), (6, 54), (58, 100)]],
    "L": [[(4, 0), (4, 99), (4, 99), (56, 98)]],
    "M": [[(0, 100), (6, 0), (6, 0), (32, 66), (32, 66), (58, 0), (58, 0), (64, 100)]],
    "N": [[(4, 100), (4, 0), (4, 0), (56, 100), (56, 100), (56, 0)]],
    "P": [[(4, 0), (4, 100)], [(4, 2), (44, 4), (54, 26), (40, 48), (4, 52)]],
    "Q": [oval(32, 48, 62, 96, -90, -360), [(36, 70), (64, 104)]],
    "R": [[(4, 0), (4, 100)], [(4, 2), (44, 4), (52, 26), (36, 48), (4, 50), (4, 50), (58, 100)]],
    "T": [[(0, 2), (62, 1)], [(31, 2), (31, 100)]],
    "U": [[(4, 0), (4, 70), (30, 100), (56, 70), (56, 0)]],
    "V": [[(0, 0), (30, 100), (30, 100), (60, 0)]],
    "W": [[(0, 0), (16, 100), (16, 100), (32, 30), (32, 30), (48, 100), (48, 100), (64, 0)]],
    "X": [[(2, 0), (58, 100)], [(58, 0), (2, 100)]],
    "Y": [[(2, 0), (30, 46)], [(60, 0), (30, 46), (30, 46), (28, 100)]],
    "a": [[(50, 14), (24, 0), (4, 40), (20, 84), (48, 60), (52, 4), (52, 4), (54, 86), (66, 92)]],
    "d": [[(44, 46), (22, 40), (2, 66), (18, 98), (42, 88)], [(50, 0), (50, 100)]],
    "e": [[(4, 54), (56, 52), (54, 16), (30, 0), (4, 30), (8, 80), (34, 100), (58, 84)]],
    "h": [[(6, 0), (6, 100), (6, 100), (10, 56), (34, 46), (48, 62), (50, 100)]],
    "k": [[(6, 0), (6, 100)], [(48, 40), (8, 70), (8, 70), (52, 100)]],
    "m": [[(0, 30), (4, 96), (4, 96), (8, 44), (24, 32), (34, 50), (34, 96), (34, 96), (40, 44), (56, 32), (66, 96)]],
    "n": [[(4, 20), (6, 98), (6, 98), (10, 44), (34, 22), (50, 44), (52, 98)]],
    "p": [[(6, 0), (6, 100)], [(6, 12), (32, 0), (52, 22), (38, 50), (8, 48)]],
    "r": [[(8, 10), (10, 98), (10, 98), (14, 44), (32, 14), (54, 18)]],
    "t": [[(28, 0), (26, 80), (40, 100), (56, 90)], [(4, 30), (54, 28)]],
    "w": [[(0, 20), (12, 92), (30, 80), (32, 30), (34, 84), (54, 92), (64, 20)]],
    "y": [[(6, 0), (10, 40), (30, 46), (50, 30)], [(54, 0), (46, 80), (24, 100), (4, 90)]],
}
SIGNS = {
    "hash": [[(18, 0), (10, 100)], [(50, 0), (42, 100)], [(0, 34), (62, 32)], [(0, 68), (60, 66)]],
    "question": [[(4, 20), (20, 0), (48, 6), (50, 28), (30, 48), (28, 70)], [(28, 94), (29, 97)]],
    "heart": [[(30, 96), (2, 44), (6, 10), (26, 10), (31, 32), (31, 32), (38, 8), (58, 12), (58, 48), (31, 96)]],
    "star": [[(30, 0), (12, 96), (12, 96), (60, 36), (60, 36), (0, 36), (0, 36), (50, 96), (50, 96), (30, 0)]],
    "square": [[(0, 8), (60, 8), (60, 8), (60, 92), (60, 92), (0, 92), (0, 92), (0, 8)]],
    "triangle": [[(32, 4), (62, 96), (62, 96), (0, 96), (0, 96), (32, 4)]],
    "check": [[(0, 56), (22, 96), (22, 96), (64, 6)]],
    "plus": [[(30, 14), (30, 86)], [(0, 50), (60, 50)]],
    "equals": [[(0, 34), (60, 33)], [(0, 66), (60, 65)]],
    "minus": [[(0, 50), (60, 49)]],
    "arrow": [[(0, 50), (62, 50)], [(40, 24), (62, 50), (62, 50), (40, 76)]],
    "spiral": [oval(30, 50, 10, 14, 0, 360) + oval(31, 50, 32, 46, 20, 330) + oval(30, 50, 62, 96, 20, 320)],
    "scribble": [[(0, 20), (60, 6), (4, 40), (62, 30), (2, 64), (60, 54), (6, 88), (58, 80), (20, 100)]],
    "smile": [oval(32, 50, 64, 96, -90, -360), [(22, 36), (22, 42)], [(44, 36), (44, 42)], [(16, 62), (32, 78), (48, 62)]],
}
DRAWINGS = {"letter": 2, "sign": 2, "two": 40, "noise": 40, "blank": 12}


def two_digits(rng):
    """Two digits beside each other, from one stroke width apart to half a digit."""
    gap = rng.uniform(0.12, 0.5) * 60
    left, right = (rng.choice(list(SHAPES[rng.randrange(10)].values())) for _ in range(2))
    width = max(x for stroke in left for x, _ in stroke)
    start = min(x for stroke in right for x, _ in stroke)
    return drawn(*handwritten([*left, *([(x - start + width + gap + 16, y) for x, y in stroke] for stroke in right)], rng))


def noise(rng):
    """Noise of one grain: single pixels, blots, bands or lines."""
    grain, kind = rng.choice([1, 4, 14, 40]), rng.choice(["pixels", "sparse", "bands", "lines"])
    cells = -(-CANVAS // grain)
    rows = [[rng.randrange(256) for _ in range(cells)] for _ in range(cells)]
    if kind == "sparse":
        rows = [[level if level < 40 else 255 for level in row] for row in rows]
    elif kind == "bands":
        rows = [[row[0]] * cells for row in rows]
    elif kind == "lines":
        ends = lambda: (rng.randrange(CANVAS), rng.randrange(CANVAS))
        return drawn([[ends(), ends()] for _ in range(rng.randrange(6, 16))], rng.uniform(3, 12))
    return [bytes(rows[y // grain][x // grain] for x in range(CANVAS)) for y in range(CANVAS)]


def blank(rng):
    """Paper: of one grey, with light that falls off, or with faint noise."""
    grey, slope, grain = rng.randrange(40, 256), rng.choice([0, 0.1, 0.3]), rng.choice([0, 2])
    level = lambda x, y: grey - slope * (x + y) / 2 + rng.uniform(-grain, grain)
    return [bytes(min(255, max(0, round(level(x, y)))) for x in range(CANVAS)) for y in range(CANVAS)]


def main():
    folder = Path(__file__).parent / "others"
    folder.mkdir(exist_ok=True)
    strokes = lambda shape: lambda rng: drawn(*handwritten(shape, rng))
    pictures = {f"letter-{'upper' if name.isupper() else 'lower'}{name.lower()}": strokes(shape) for name, shape in LETTERS.items()}
    pictures |= {f"sign-{name}": strokes(shape) for name, shape in SIGNS.items()}
    pictures |= {"two-digits": two_digits, "noise-any": noise, "blank-paper": blank}
    for picture, draw in pictures.items():
        for number in range(1, DRAWINGS[picture.split("-")[0]] + 1):
            rng = random.Random(f"{SEED} {picture}-{number}")
            (folder / f"{picture}-{number}.png").write_bytes(png(draw(rng)))


if __name__ == "__main__":
    main()
