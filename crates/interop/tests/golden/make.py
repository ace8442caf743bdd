"""Records what the reference library's autoencoders answer, for tests/it/autoencoders.rs, and a file of torch's own.

    pip install diffusers==0.42.1 torch==2.9.0 && python make.py

Weights and inputs are waves that both sides compute, so that only the outputs are stored.
"""

import json
import pathlib

import torch
from diffusers import AutoencoderKL, VQModel

CASES = [
    # Attention in the levels, no convolutions around the latent, an odd size, more channels out than in.
    ("attended", AutoencoderKL, (9, 7), dict(
        in_channels=2, out_channels=3, latent_channels=2, block_out_channels=(4, 8), norm_num_groups=2, act_fn="gelu",
        layers_per_block=2, down_block_types=("AttnDownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"), use_quant_conv=False, use_post_quant_conv=False,
        scaling_factor=2.0, shift_factor=0.25)),
    # Larger than a tile in both directions, by no multiple of it.
    ("tiled", AutoencoderKL, (26, 20), dict(
        in_channels=1, out_channels=1, latent_channels=1, block_out_channels=(4, 4), norm_num_groups=2, sample_size=8,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)),
    # MoVQ: the latent modulates the decoder's norms.
    ("movq", VQModel, (8, 4), dict(
        block_out_channels=(32, 64), latent_channels=3, num_vq_embeddings=12, norm_type="spatial",
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"))),
    # Vectors of another length than the latent has channels.
    ("codes", VQModel, (6, 6), dict(
        block_out_channels=(4, 8), latent_channels=3, vq_embed_dim=2, num_vq_embeddings=9, norm_num_groups=2,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)),
]


def waves(name, shape):
    n = torch.Size(shape).numel()
    offset = 1.0 if "norm" in name and name.endswith("weight") else 0.0
    index = torch.arange(1, n + 1, dtype=torch.float64)
    return (offset + 0.2 * torch.sin(sum(name.encode()) + 0.7 * index)).reshape(shape).float()


def record(name, kind, size, options):
    net = kind(**options).eval()
    net.load_state_dict({key: waves(key, value.shape) for key, value in net.state_dict().items()})
    shape = (1, net.config.in_channels, *size)
    x = torch.sin(torch.arange(1, torch.Size(shape).numel() + 1, dtype=torch.float64)).reshape(shape).float()
    if name == "tiled":
        net.enable_tiling()
    with torch.no_grad():
        if kind is VQModel:
            latent = net.encode(x).latents
            quantized, _, (_, _, indices) = net.quantize(latent)
            out = dict(latent=latent, indices=indices, decoded=net.decode(latent).sample)
        else:
            latent = net.encode(x).latent_dist.parameters
            out = dict(latent=latent, decoded=net.decode(latent.chunk(2, dim=1)[0]).sample)
    config = {key: value for key, value in net.config.items() if key != "_use_default_values"}
    outputs = {key: [round(v, 6) for v in value.flatten().tolist()] for key, value in out.items()}
    return dict(name=name, config=dict(config, _class_name=kind.__name__), shape=shape,
                parameters=net.num_parameters(), outputs=outputs)


path = pathlib.Path(__file__).with_name("autoencoders.json")
path.write_text("[\n" + ",\n".join(json.dumps(record(*case)) for case in CASES) + "\n]\n")

whole = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
torch.save({"whole": whole, "row": whole.data[1], "column": torch.ones(4, 1, dtype=torch.float16) / 4,
            "brain": torch.tensor([1.5, -2.0], dtype=torch.bfloat16), "number": torch.tensor(7), "steps": 12},
           pathlib.Path(__file__).with_name("torch.bin"))
