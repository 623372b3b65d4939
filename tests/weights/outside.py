"""Writes the files beside this one: weights from PyTorch, and PyTorch's logits for some images.

    python3 tests/weights/outside.py        (needs torch and numpy)

The network has 6 inputs, 5 hidden units with batch normalisation, 4 classes, and its own layer names.
"""

import json
import struct
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent
# Its layer names, and mnist-burn's names of the same layers.
LAYERS = {"fc1": "hidden.0", "bn1": "norm.0", "fc2": "output"}


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(6, 5)
        self.bn1 = torch.nn.BatchNorm1d(5)
        self.fc2 = torch.nn.Linear(5, 4)

    def forward(self, x):
        return self.fc2(torch.relu(self.bn1(self.fc1(x))))


def safetensors(tensors):
    """The format is a length, a header in JSON, and the numbers."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.numpy().astype("<f4").tobytes()
        offsets = [len(data), len(data) + len(values)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


torch.manual_seed(1)
network = Network()
images = torch.rand(3, 6)
network(torch.rand(64, 6))  # Changes the running statistics.
with torch.no_grad():
    network.bn1.weight.uniform_(0.5, 1.5)
    network.bn1.bias.uniform_(-0.5, 0.5)
network.eval()
state = network.state_dict()
torch.save(state, FOLDER / "outside.pt")
own = {LAYERS[name.split(".")[0]] + "." + name.split(".")[1]: tensor for name, tensor in state.items()}
own = {name: tensor for name, tensor in own.items() if not name.endswith("num_batches_tracked")}
(FOLDER / "outside.safetensors").write_bytes(safetensors(own))

# PyTorch's logits, and the same from NumPy in double precision.
logits = network(images).detach().numpy()
w = {name: tensor.numpy().astype(np.float64) for name, tensor in own.items()}
x = images.numpy().astype(np.float64) @ w["hidden.0.weight"].T + w["hidden.0.bias"]
x = (x - w["norm.0.running_mean"]) / np.sqrt(w["norm.0.running_var"] + 1e-5) * w["norm.0.weight"] + w["norm.0.bias"]
exact = np.maximum(x, 0) @ w["output.weight"].T + w["output.bias"]
assert np.abs(exact - logits).max() < 1e-6
reference = {"images": images.tolist(), "logits": exact.tolist()}
(FOLDER / "outside.json").write_text(json.dumps(reference, indent=1) + "\n")
