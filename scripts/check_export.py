"""Checks that the diffusers library loads a folder that `cargo xtask export` has written, and can sample from it.

    pip install diffusers==0.42.1 torch==2.15.0 safetensors
    cargo xtask export --run checkpoints/digits-ddpm /tmp/digits && python scripts/check_export.py /tmp/digits

Needs Python with the packages above; nothing of the project itself does.
"""

import json
import pathlib
import sys

import diffusers
import torch

folder = pathlib.Path(sys.argv[1])
index = json.loads((folder / "model_index.json").read_text())
scheduler = getattr(diffusers, index["scheduler"][1]).from_pretrained(folder, subfolder="scheduler")
unet, info = diffusers.UNet2DModel.from_pretrained(folder, subfolder="unet", output_loading_info=True)
assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
getattr(diffusers, index["_class_name"]).from_pretrained(folder)

torch.manual_seed(0)
size, rows = unet.config.sample_size, unet.config.num_class_embeds
x = torch.randn(4, unet.config.in_channels, size, size)
labels = None if rows is None else torch.arange(4) % rows
scheduler.set_timesteps(50)
with torch.no_grad():
    for t in scheduler.timesteps:
        x = scheduler.step(unet(x, t, class_labels=labels).sample, t, x).prev_sample
assert torch.isfinite(x).all() and x.abs().max() <= 1.5, "the samples leave the range of images"
print(f"{folder}: {unet.num_parameters()} parameters, samples {tuple(x.shape)} in [{x.min():.2f}, {x.max():.2f}]: ok")
