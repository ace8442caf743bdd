"""Records what LPIPS by a narrow VGG-16 says of two images: crates/features/tests/golden.

    python scripts/record_lpips.py crates/features/tests/golden

Needs torch (2.9.0 when the files were made). The networks have random weights and the names of torchvision's `vgg16` and of the
`lpips` package's heads; the one is saved as torch did before version 1.6, the other as it does now.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

STAGES = [[4, 4], [5, 5], [6, 6, 6], [7, 7, 7], [8, 8, 8]]


def main(folder: Path) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    vgg, place, before = {}, 0, 3
    for stage in STAGES:
        for channels in stage:
            vgg[f"features.{place}.weight"] = torch.randn(channels, before, 3, 3) * (2 / (9 * before)) ** 0.5
            vgg[f"features.{place}.bias"] = torch.randn(channels) * 0.1
            place, before = place + 2, channels
        place += 1
    vgg["classifier.0.weight"] = torch.randn(2, 8)
    heads = {f"lin{i}.model.1.weight": torch.rand(1, stage[-1], 1, 1) for i, stage in enumerate(STAGES)}
    bytes_of = [torch.randint(256, (2, 3, 16, 16)) for _ in range(2)]
    x, y = (pixels / 127.5 - 1 for pixels in bytes_of)
    torch.save(vgg, folder / "vgg.pth", _use_new_zipfile_serialization=False)
    torch.save(heads, folder / "heads.pth")
    images = {name: pixels.flatten().tolist() for name, pixels in zip("xy", bytes_of)}
    recorded = {**images, "distance": lpips(vgg, heads, x, y).tolist()}
    (folder / "lpips.json").write_text(json.dumps(recorded, separators=(",", ":")) + "\n")


def stages(vgg: dict, x: torch.Tensor) -> list[torch.Tensor]:
    x = (x - torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)) / torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    answers, place = [], 0
    for number, stage in enumerate(STAGES):
        if number:
            x = F.max_pool2d(x, 2)
        for _ in stage:
            x = F.relu(F.conv2d(x, vgg[f"features.{place}.weight"], vgg[f"features.{place}.bias"], padding=1))
            place += 2
        place += 1
        answers.append(x)
    return answers


def lpips(vgg: dict, heads: dict, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Zhang et al. 2018, version 0.1 of the package: unit length along channels, weighted squares, means over the image."""

    def unit(a: torch.Tensor) -> torch.Tensor:
        return a / (a.square().sum(1, keepdim=True).sqrt() + 1e-10)

    total = torch.zeros(len(x))
    for number, (a, b) in enumerate(zip(stages(vgg, x), stages(vgg, y))):
        weighted = F.conv2d((unit(a) - unit(b)).square(), heads[f"lin{number}.model.1.weight"])
        total += weighted.mean(dim=(1, 2, 3))
    return total


if __name__ == "__main__":
    main(Path(sys.argv[1]))
