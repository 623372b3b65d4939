"""How fast this machine multiplies matrices of the large network's sizes: the limit of any program that trains it."""

import json
import time

import numpy
import torch
from recipe import LARGE


def products():
    """(left, right) of each matrix product of one update, transposed where a training's are."""
    random = numpy.random.default_rng(1)
    for index, (inputs, outputs) in enumerate(LARGE.layers):
        x = random.standard_normal((LARGE.batch, inputs), numpy.float32)
        weights = random.standard_normal((inputs, outputs), numpy.float32)
        gradient = random.standard_normal((LARGE.batch, outputs), numpy.float32)
        yield x, weights
        yield x.T, gradient
        if index > 0:
            yield gradient, weights.T


def seconds(left, right, repeats=20):
    """The least time of a product; its result goes into the same memory each time."""
    out = left @ right
    multiply = torch.matmul if isinstance(left, torch.Tensor) else numpy.matmul
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        multiply(left, right, out=out)
        times.append(time.perf_counter() - started)
    return min(times)


pairs = list(products())
of_numpy = sum(seconds(left, right) for left, right in pairs)
of_torch = sum(seconds(torch.from_numpy(left), torch.from_numpy(right)) for left, right in pairs)
flops = LARGE.flops * LARGE.batch
gflops = {
    f"NumPy {numpy.__version__}": flops / of_numpy / 1e9,
    f"PyTorch {torch.__version__}": flops / of_torch / 1e9,
}
print(json.dumps({"program": "sgemm", "gflops": gflops}))
