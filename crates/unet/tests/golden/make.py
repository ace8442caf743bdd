"""Records what the reference library's UNet2DModel answers, for tests/golden.rs.

    pip install diffusers==0.42.1 torch==2.15.0 && python make.py

Weights and inputs are waves that both sides compute, so that only the outputs are stored. "config" is read by our
UNetConfig; the keyword arguments beside it describe the same network to the reference.
"""

import json
import pathlib

import torch
from diffusers import UNet2DModel

COMMON = dict(sample_size=8, in_channels=3, block_out_channels=(8, 12), norm_num_groups=4)

CASES = [
    (
        "ddpm",
        dict(image_size=8, channels=4, channel_mult=[2, 3], num_res_blocks=1, attention_resolutions=[4], norm_groups=4),
        dict(out_channels=3, layers_per_block=1, attention_head_dim=None, flip_sin_to_cos=False, freq_shift=1,
             downsample_padding=0, norm_eps=1e-6, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
             up_block_types=("AttnUpBlock2D", "UpBlock2D")),
        None,
    ),
    (
        "symmetric",
        dict(image_size=8, channels=4, channel_mult=[2, 3], num_res_blocks=2, attention_resolutions=[8], head_channels=4,
             flip_sin_to_cos=True, freq_shift=1.0, downsample_padding="symmetric", norm_groups=4, norm_eps=1e-5),
        dict(out_channels=3, layers_per_block=2, attention_head_dim=4, flip_sin_to_cos=True, freq_shift=1,
             downsample_padding=1, norm_eps=1e-5, down_block_types=("AttnDownBlock2D", "DownBlock2D"),
             up_block_types=("UpBlock2D", "AttnUpBlock2D")),
        None,
    ),
    (
        "adm",
        dict(image_size=8, channels=4, channel_mult=[2, 3], num_res_blocks=1, attention_resolutions=[4], out_channels=6,
             head_channels=4, num_classes=10, scale_shift=True, resample="block", flip_sin_to_cos=True, freq_shift=0.0,
             norm_groups=4, norm_eps=1e-5),
        # The reference leaves the norm before the middle's attention out with scale_shift, unless told its groups.
        dict(out_channels=6, layers_per_block=1, attention_head_dim=4, flip_sin_to_cos=True, freq_shift=0, norm_eps=1e-5,
             resnet_time_scale_shift="scale_shift", attn_norm_num_groups=4, num_class_embeds=11,
             downsample_type="resnet", upsample_type="resnet",
             down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
             up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D")),
        [7, 10],
    ),
]


def waves(name, shape):
    """As `waves` in tests/common/mod.rs."""
    n = torch.Size(shape).numel()
    offset = 1.0 if "norm" in name and name.endswith("weight") else 0.0
    index = torch.arange(1, n + 1, dtype=torch.float64)
    return (offset + 0.2 * torch.sin(sum(name.encode()) + 0.7 * index)).reshape(shape).float()


def record(name, config, arguments, labels):
    net = UNet2DModel(**COMMON, **arguments).eval()
    net.load_state_dict({key: waves(key, value.shape) for key, value in net.state_dict().items()})
    x = torch.sin(torch.arange(1, 2 * 3 * 8 * 8 + 1, dtype=torch.float64)).reshape(2, 3, 8, 8).float()
    timesteps = torch.tensor([3.0, 712.0])
    with torch.no_grad():
        out = net(x, timesteps, class_labels=None if labels is None else torch.tensor(labels)).sample
    return dict(name=name, config=config, parameters=net.num_parameters(), timesteps=timesteps.tolist(), labels=labels,
                output=[round(v, 7) for v in out.flatten().tolist()])


path = pathlib.Path(__file__).with_name("unet2d.json")
path.write_text("[\n" + ",\n".join(json.dumps(record(*case)) for case in CASES) + "\n]\n")
