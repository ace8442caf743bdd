"""Records what pytorch-fid's Inception answers, for tests/inception.rs.

    pip install torch==2.9.0 torchvision==0.24.0 numpy && python make.py

The network is torchvision's with pytorch-fid's three changes: 1008 classes and no auxiliary head (neither is before the
features), pooling by average that leaves padding out, and pooling by maximum in the last block. Weights are numbers that both
sides compute, so that only names, shapes and answers are stored.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.models import inception as tv


def noise(stream, count):
    """Uniform in [-1, 1): the finisher of MurmurHash3 over a count."""
    x = np.arange(count, dtype=np.uint32) + np.uint32(stream * 0x9E3779B9 & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x.astype(np.float64) / 2**31 - 1).astype(np.float32)


def fill(net, names):
    state = net.state_dict()
    for place, name in enumerate(names):
        for part, key in enumerate(["conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"]):
            tensor = state[f"{name}.{key}"]
            u = torch.from_numpy(noise(5 * place + part, tensor.numel())).reshape(tensor.shape)
            fan_in = tensor[0].numel()
            tensor.copy_([u * (6 / fan_in) ** 0.5, 1 + 0.2 * u, 0.1 * u, 0.1 * u, 1 + 0.2 * u][part])


def network():
    net = tv.Inception3(num_classes=1008, aux_logits=False, init_weights=False).eval()
    average, most = F.avg_pool2d, F.max_pool2d

    def without_padding(x, kernel_size, stride, padding):
        return average(x, kernel_size, stride, padding, count_include_pad=False)

    def largest(x, kernel_size, stride, padding):
        return most(x, kernel_size, stride, padding)

    def pooling_by(pool, block):
        forward = block.forward

        def run(x):
            F.avg_pool2d = pool
            try:
                return forward(x)
            finally:
                F.avg_pool2d = average

        block.forward = run

    for name, block in net.named_children():
        if name.startswith("Mixed"):
            pooling_by(largest if name == "Mixed_7c" else without_padding, block)
    net.fc = torch.nn.Identity()
    return net


@torch.no_grad()
def main():
    net = network()
    names = sorted(name.removesuffix(".conv") for name, m in net.named_modules() if isinstance(m, torch.nn.Conv2d))
    fill(net, names)
    answers = []
    for stream, shape in [(1000, (3, 40, 36)), (1001, (1, 28, 28))]:
        x = torch.from_numpy(noise(stream, int(np.prod(shape)))).reshape(1, *shape) / 2 + 0.5
        x = F.interpolate(x.expand(1, 3, -1, -1), size=(299, 299), mode="bilinear", align_corners=False)
        features = net(2 * x - 1)[0]
        answers.append(dict(stream=stream, shape=shape, every_16th=[float(f"{v:.7g}") for v in features[::16]]))
    shapes = [(name, list(net.get_submodule(name).conv.weight.shape)) for name in names]
    path = pathlib.Path(__file__).with_name("inception.json")
    lines = ",\n".join(json.dumps(layer) for layer in shapes)
    path.write_text(f'{{"layers": [\n{lines}\n],\n"answers": {json.dumps(answers)}}}\n')


main()
