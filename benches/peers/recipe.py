"""What is trained: the numbers of config/baseline.toml, or of a network large enough to be all matrix products."""

import argparse
import dataclasses


@dataclasses.dataclass(frozen=True)
class Recipe:
    hidden: tuple  # the hidden layers' widths
    dropout: float  # the share of hidden outputs dropped
    batch: int  # images in one update
    epochs: int
    inputs: int = 28 * 28
    classes: int = 10
    learning_rate: float = 0.001  # Adam's four are Keras' defaults.
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    @property
    def layers(self):
        """(inputs, outputs) of each layer."""
        widths = (self.inputs, *self.hidden, self.classes)
        return list(zip(widths, widths[1:]))

    @property
    def flops(self):
        """Floating-point operations of an image's matrix products: 2 a weight forwards, and 2 each for the gradients of
        weights and of inputs backwards, the latter not in the first layer."""
        return sum((6 if index else 4) * inputs * outputs for index, (inputs, outputs) in enumerate(self.layers))


BASELINE = Recipe(hidden=(128,), dropout=0.2, batch=32, epochs=5)
LARGE = Recipe(hidden=(1024, 1024, 1024), dropout=0.0, batch=512, epochs=2)


def arguments():
    """The recipe and the seed that the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true", help="three hidden layers of 1024, batches of 512, two epochs")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return LARGE if options.large else BASELINE, options.seed
