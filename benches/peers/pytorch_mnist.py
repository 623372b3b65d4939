"""The recipe in PyTorch, eager, as fast as it is usually written: all images in one tensor, and Adam in one kernel."""

import report  # First: it takes the time.

import time

import idx
import torch
from recipe import arguments
from torch import nn

recipe, seed = arguments()
torch.manual_seed(seed)


def tensors(images, labels):
    """Pixels in [0, 1] of shape [n, 784], and labels."""
    return torch.tensor(images).reshape(len(images), -1) / 255, torch.tensor(labels, dtype=torch.long)


(x_train, y_train), (x_test, y_test) = (tensors(*split) for split in idx.load())

layers = []
for inputs, outputs in recipe.layers:
    linear = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    layers += [linear, nn.ReLU()] + ([nn.Dropout(recipe.dropout)] if recipe.dropout else [])
# The output has neither ReLU nor dropout; the loss holds its softmax.
model = nn.Sequential(*layers[: layers.index(linear) + 1])
optimizer = torch.optim.Adam(
    model.parameters(), lr=recipe.learning_rate, betas=(recipe.beta_1, recipe.beta_2), eps=recipe.epsilon, fused=True
)
criterion = nn.CrossEntropyLoss()

epoch_seconds = []
started = time.perf_counter()
for epoch in range(recipe.epochs):
    epoch_started = time.perf_counter()
    model.train()
    # Summed as tensors: no number is waited for within the epoch.
    loss_sum = torch.zeros(())
    right = torch.zeros((), dtype=torch.long)
    order = torch.randperm(len(x_train))
    for x, y in zip(x_train[order].split(recipe.batch), y_train[order].split(recipe.batch)):
        logits = model(x)
        loss = criterion(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(x)
        right += (logits.argmax(1) == y).sum()
    loss_mean, accuracy = loss_sum.item() / len(x_train), right.item() / len(x_train)
    epoch_seconds.append(time.perf_counter() - epoch_started)
    report.epoch(epoch + 1, epoch_seconds[-1], loss_mean, accuracy)
fit_seconds = time.perf_counter() - started

model.eval()
with torch.inference_mode():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
report.result("PyTorch", torch.__version__, fit_seconds, epoch_seconds, accuracy)
