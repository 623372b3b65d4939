"""The data: the four gzipped IDX files of data/mnist, decoded with nothing but NumPy."""

import gzip
import pathlib

import numpy

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "data" / "mnist"


def read(name):
    """The array in a file: 0, 0, 8 for bytes, the number of dimensions, each one's size as 4 bytes, then the bytes."""
    data = gzip.decompress((FOLDER / f"{name}.gz").read_bytes())
    if data[:3] != b"\x00\x00\x08":
        raise SystemExit(f"{FOLDER / name}.gz: not an IDX file of bytes")
    start = 4 + 4 * data[3]
    shape = numpy.frombuffer(data[4:start], ">u4")
    return numpy.frombuffer(data[start:], numpy.uint8).reshape(shape)


def load():
    """(images, labels) for training, then for testing: bytes of shapes [n, 28, 28] and [n]."""
    return tuple((read(f"{split}-images-idx3-ubyte"), read(f"{split}-labels-idx1-ubyte")) for split in ("train", "t10k"))
