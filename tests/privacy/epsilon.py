"""Epsilon by Google's dp-accounting, for each [sampling rate, noise multiplier, steps, delta] of a JSON array on stdin."""

import json
import sys

from dp_accounting import dp_event, rdp


def epsilon(rate, noise, steps, delta):
    step = dp_event.PoissonSampledDpEvent(rate, dp_event.GaussianDpEvent(noise))
    accountant = rdp.RdpAccountant()
    accountant.compose(dp_event.SelfComposedDpEvent(step, int(steps)))
    return accountant.get_epsilon(delta)


print(json.dumps([epsilon(*setting) for setting in json.load(sys.stdin)]))
