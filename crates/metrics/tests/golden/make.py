"""Records what the formulas of the papers give, for tests/golden.rs.

    pip install numpy && python make.py

Written from the papers, the plain way: loops, general eigenvalues, no symmetry. The sets are waves that both sides compute.
"""

import json
import pathlib

import numpy as np


def wave(rows, width, pace, shift):
    values = np.float32(np.sin(np.float64(pace) * np.arange(rows * width) ** 1.1) + shift)
    return values.reshape(rows, width).astype(np.float64)


def frechet(a, b):
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(s @ t).astype(complex)).real
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * roots.sum()


def kernel(a, b):
    def k(x, y):
        return (x @ y / len(x) + 1) ** 3

    def within(s):
        return np.mean([k(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j])

    return within(a) + within(b) - 2 * np.mean([k(x, y) for x in a for y in b])


def distances(a, b):
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))


def manifolds(real, fake, k):
    def radius(s):
        return np.sort(distances(s, s), 1)[:, k]  # place 0 is the point itself

    to = distances(real, fake)
    return dict(
        precision=(to <= radius(real)[:, None]).any(0).mean(),
        recall=(to <= radius(fake)[None]).any(1).mean(),
        density=(to < radius(real)[:, None]).sum() / (k * len(fake)),
        coverage=(to.min(1) < radius(real)).mean(),
    )


real, fake = wave(60, 6, 0.7, 0.0), wave(45, 6, 0.9, 0.2)
found = dict(frechet=frechet(real, fake), kernel=kernel(real, fake), **manifolds(real, fake, 3))
text = json.dumps({key: float(value) for key, value in found.items()}, indent=1)
pathlib.Path(__file__).with_name("sets.json").write_text(text + "\n")
