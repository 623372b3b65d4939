"""A digit classifier in PyTorch, whose weights are in model.safetensors. It needs torch and safetensors.

    from model import load
    classes = load()(images).argmax(1)  # positions, from 0; grey levels: uint8, [batch, height, width]

`python model.py` checks that it computes what mnist-burn does.
"""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
FILE = Path(__file__).with_name("model.safetensors")


class Classifier(nn.Module):
    """From grey levels, uint8 [batch, height, width], to logits, [batch, classes]."""

    def __init__(self, architecture, activation, classes, scaling):
        super().__init__()
        widths = [architecture["height"] * architecture["width"], *architecture["hidden"]]
        norm = nn.BatchNorm1d if architecture["batch_norm"] else nn.Identity
        self.hidden = nn.ModuleList(nn.Linear(*sizes) for sizes in zip(widths, widths[1:]))
        self.norm = nn.ModuleList(norm(width) for width in widths[1:])
        self.output = nn.Linear(widths[-1], len(classes))
        self.activation = ACTIVATIONS[activation]()
        self.classes, self.scaling = classes, scaling

    def forward(self, images):
        x = (images.flatten(1).float() / 255 - self.scaling["mean"]) / self.scaling["deviation"]
        for hidden, norm in zip(self.hidden, self.norm):
            x = self.activation(norm(hidden(x)))
        return self.output(x)


def load(path=FILE):
    """The trained network, ready to classify. `load().classes` has the names of the classes."""
    with safe_open(path, "pt") as file:
        about = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}
    architecture, classes, pixels = (json.loads(about[name]) for name in ("architecture", "classes", "pixels"))
    model = Classifier(architecture, about["activation"], classes, pixels["scaling"])
    model.load_state_dict(weights)
    return model.eval()


def check(path=FILE):
    """Compares the logits of one image, whose pixels count from 0 to 255 again and again, with those of mnist-burn."""
    with safe_open(path, "pt") as file:
        about = file.metadata()
    size = json.loads(about["architecture"])
    image = torch.arange(size["height"] * size["width"]).remainder(256).byte().view(1, size["height"], size["width"])
    expected = torch.tensor([json.loads(about["check_logits"])])
    with torch.no_grad():
        torch.testing.assert_close(load(path)(image), expected, rtol=0, atol=1e-4 * expected.abs().max().item())


if __name__ == "__main__":
    check()
    print("This network computes what mnist-burn does.")
