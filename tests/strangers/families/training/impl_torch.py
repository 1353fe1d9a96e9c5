"""The trainings as they were ported to PyTorch."""

import torch
import torch.nn.functional as F


def cross_entropy(x, y):
    return F.cross_entropy(x, y, reduction="sum")


def cross_entropy_twice(x, y):
    return F.cross_entropy(torch.softmax(x, -1), y)


def class_weights(x, y, weights):
    return F.cross_entropy(x, y, weight=weights)


def smoothed_labels(x, y):
    return F.cross_entropy(x, y)


def masked_mean(x, y, mask):
    return (F.cross_entropy(x, y, reduction="none") * mask).mean()


def clipped_entropy(p, y):
    return F.binary_cross_entropy(p, y)


def squared_error(x, y):
    return F.mse_loss(x, y, reduction="sum")


def huber(x, y):
    return F.smooth_l1_loss(x, y, beta=0.5)


def divergence(p, q):
    return F.kl_div(q.log(), p)


def error_by_hand(x, y):
    return ((x - y) ** 2).sum() / x.numel()


def _train(make, w, g, between=None, **options):
    weight = w.clone().requires_grad_(True)
    optimiser = make([weight], **options)
    for step in range(4):
        weight.grad = g[step].clone()
        if between is not None:
            between(step, weight, optimiser)
        optimiser.step()
    return weight.detach()


def adam_epsilon(w, g):
    return _train(torch.optim.Adam, w, g, lr=0.001)


def adam_placement(w, g):
    return _train(torch.optim.Adam, w, g, lr=0.001, eps=1e-6)


def adam_by_hand(w, g):
    return _train(torch.optim.Adam, w, g, lr=0.001)


def adam_decay(w, g):
    return _train(torch.optim.Adam, w, g, lr=0.01, weight_decay=0.1)


def rmsprop_of_one(w, g):
    return _train(torch.optim.RMSprop, w, g, lr=0.01, alpha=0.9, eps=1e-3)


def rmsprop_defaults(w, g):
    return _train(torch.optim.RMSprop, w, g, lr=0.001)


def adagrad(w, g):
    return _train(torch.optim.Adagrad, w, g, lr=0.01)


def sgd_nesterov(w, g):
    return _train(torch.optim.SGD, w, g, lr=0.01, momentum=0.9)


def sgd_schedule(w, g):
    def between(step, weight, optimiser):
        optimiser.param_groups[0]["lr"] = 0.1 if step < 2 else 0.01

    return _train(torch.optim.SGD, w, g, between, lr=0.1, momentum=0.9)


def sgd_clipping(w, g):
    def between(step, weight, optimiser):
        torch.nn.utils.clip_grad_norm_([weight], 0.5)

    return _train(torch.optim.SGD, w, g, between, lr=0.1)


def sgd_decay(w, g):
    return _train(torch.optim.SGD, w, g, lr=0.1, weight_decay=0.05)


def sgd_plain(w, g):
    return _train(torch.optim.SGD, w, g, lr=0.01, momentum=0.9)


def average_of_weights(w, g):
    average = torch.zeros_like(w)
    for step in range(4):
        w = w - 0.1 * g[step]
        average = average.lerp(w, 0.1)
    return average


def smoothing_others(x, y):
    return F.cross_entropy(x, y, label_smoothing=0.1)


def smoothing_by_hand(x, y):
    log = F.log_softmax(x, -1)
    return 0.9 * F.nll_loss(log, y) - 0.1 * log.mean()


def ignored_labels(x, y):
    return F.cross_entropy(x, y)


def probabilities_as_logits(p, y):
    return F.binary_cross_entropy_with_logits(p, y)


def positive_weight(x, y):
    return F.binary_cross_entropy_with_logits(x, y)


def divergence_reversed(p, q):
    return F.kl_div(p.log(), q, reduction="batchmean")


def ctc(x):
    return F.ctc_loss(x.log_softmax(-1), torch.tensor([1]), torch.tensor([4]), torch.tensor([1]), blank=2)


def adam_of_bert(w, g):
    return _train(torch.optim.Adam, w, g, lr=0.01, eps=1e-6)


def clipped_each(w, v, g, h):
    def between(step, weight, optimiser):
        torch.nn.utils.clip_grad_norm_([weight], 0.5)

    return torch.cat([_train(torch.optim.SGD, weight, slopes, between, lr=0.1) for weight, slopes in ((w, g), (v, h))])
