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


def check_latents() -> None:
    """A run of latents, drawn from with its own pipeline; that of classes by its parts."""
    pipeline = getattr(diffusers, index["_class_name"]).from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    unet, decoder = pipeline.unet, getattr(pipeline, "vqvae", None) or pipeline.vae
    if hasattr(pipeline, "tokenizer"):
        images = pipeline("a red heart", num_inference_steps=10, generator=generator, output_type="pt").images
    else:
        pipeline.scheduler.set_timesteps(50)
        side, rows = unet.config.sample_size, unet.config.num_class_embeds
        x = torch.randn(4, unet.config.in_channels, side, side, generator=generator)
        labels = None if rows is None else torch.arange(4) % rows
        with torch.no_grad():
            for t in pipeline.scheduler.timesteps:
                x = pipeline.scheduler.step(unet(x, t, class_labels=labels).sample, t, x).prev_sample
            images = decoder.decode(x / decoder.config.scaling_factor).sample / 2 + 0.5
    assert torch.isfinite(images).all(), "the samples are no numbers"
    shape = tuple(images.shape)
    print(f"{folder}: {index['_class_name']}, samples {shape} in [{images.min():.2f}, {images.max():.2f}]: ok")


if "vqvae" in index or "vae" in index:
    check_latents()
    sys.exit()
scheduler = getattr(diffusers, index["scheduler"][1]).from_pretrained(folder, subfolder="scheduler")
unet, info = diffusers.UNet2DModel.from_pretrained(folder, subfolder="unet", output_loading_info=True)
assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
# No pipeline scales the images that an EDM network is shown: such a folder names none, and is drawn from by its parts.
if index["_class_name"] != "DiffusionPipeline":
    getattr(diffusers, index["_class_name"]).from_pretrained(folder)

torch.manual_seed(0)
size, rows = unet.config.sample_size, unet.config.num_class_embeds
scheduler.set_timesteps(50)
x = torch.randn(4, unet.config.in_channels, size, size) * getattr(scheduler, "init_noise_sigma", 1.0)
shown = getattr(scheduler, "scale_model_input", lambda x, t: x)
labels = None if rows is None else torch.arange(4) % rows
with torch.no_grad():
    for t in scheduler.timesteps:
        x = scheduler.step(unet(shown(x, t), t, class_labels=labels).sample, t, x).prev_sample
assert torch.isfinite(x).all() and x.abs().max() <= 1.5, "the samples leave the range of images"
print(f"{folder}: {unet.num_parameters()} parameters, samples {tuple(x.shape)} in [{x.min():.2f}, {x.max():.2f}]: ok")
