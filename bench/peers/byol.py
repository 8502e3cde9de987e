"""BYOL around any encoder: the part that W1 and W2 share (Grill et al. 2020, section 3)."""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from common import compiled


def head(features, hidden, outputs, *, last_bias):
    """Projector or predictor: Linear, BatchNorm, ReLU, Linear."""
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, outputs, bias=last_bias),
    )


def regression_loss(prediction, target):
    """Mean over the batch of || p^ - z^ ||^2 = 2 - 2 cos(p, z), between 0 and 4."""
    cosine = (F.normalize(prediction, dim=-1) * F.normalize(target, dim=-1)).sum(-1)
    return (2 - 2 * cosine).mean()


class Byol(nn.Module):
    """Online and target networks; forward gives the loss of two views, both directions summed.

    Each view is a forward pass of its own, so BatchNorm takes its statistics per view. The target is in train mode.
    """

    def __init__(self, encoder, projector, predictor):
        super().__init__()
        self.online = nn.ModuleDict({'encoder': encoder, 'projector': projector, 'predictor': predictor})
        self.target = nn.ModuleDict({'encoder': copy.deepcopy(encoder), 'projector': copy.deepcopy(projector)})
        self.target.requires_grad_(False)

    def forward(self, view1, view2):
        prediction1, prediction2 = self.predict(view1), self.predict(view2)
        with torch.no_grad():
            target1, target2 = self.project(view1), self.project(view2)
        return regression_loss(prediction1, target2) + regression_loss(prediction2, target1)

    def predict(self, view):
        return self.online.predictor(self.online.projector(self.online.encoder(view)))

    def project(self, view):
        return self.target.projector(self.target.encoder(view))


def byol_step(model, optimizer, ema_decay, args):
    """One training step: gradients, optimiser, then the target's moving average (parameters only)."""
    loss_of = compiled(model, args)
    update_average = get_ema_multi_avg_fn(ema_decay)
    averaged = list(model.target.parameters())
    online = [*model.online.encoder.parameters(), *model.online.projector.parameters()]

    def step(view1, view2):
        optimizer.zero_grad()
        loss = loss_of(view1, view2)
        loss.backward()
        optimizer.step()
        update_average(averaged, online, None)
        return loss.detach()

    return step
