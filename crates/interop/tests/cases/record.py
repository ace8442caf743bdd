"""Records cases of the kinds in this folder from the reference library, for `cargo xtask conformance`.

    pip install diffusers==0.42.1 torch safetensors scipy && python record.py FOLDER [KIND]

The text encoders and tokenizers were recorded with transformers 5.23.0. The networks were recorded with torch 2.15.0, the schedulers,
condition_only, stable_diffusion_xl and what begins on the way, labelled_train_step too, with 2.9.0. KIND is pipeline, train_step,
labelled, schedulers, conditions, extra_large, on_the_way, image_skips or added_tokens; the last two were recorded with torch 2.9.0
and transformers 5.24.0.
The folder stable_diffusion was written by StableDiffusionPipeline.save_pretrained, with CLIP's text encoder from transformers.

Weights are random, with every one-dimensional parameter moved off its initial value, so that a dropped or swapped affine
shows. Of the recorded training only some layers are kept here. Other seeds make other numbers of the same kinds.
"""

import json
import math
import pathlib
import sys

import diffusers
import torch
import torch.nn.functional as F
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DConditionModel, UNet2DModel
from safetensors.torch import save_file

SMALL = dict(sample_size=8, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4, attention_head_dim=4,
             down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"))
LATENT = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
# Class, options, arguments of set_timesteps, arguments of step.
SCHEDULERS = {
    "ddpm_learned_range": ("DDPM", dict(beta_schedule="squaredcos_cap_v2", variance_type="learned_range"), 8, {}),
    "ddim_v_trailing": ("DDIM", dict(LATENT, prediction_type="v_prediction", timestep_spacing="trailing",
                                     rescale_betas_zero_snr=True, clip_sample=False), 7, dict(eta=0.6)),
    "dpm_multistep_sde_karras": ("DPMSolverMultistep", dict(LATENT, algorithm_type="sde-dpmsolver++",
                                                            use_karras_sigmas=True), 6, {}),
    "dpm_singlestep_order_3": ("DPMSolverSinglestep", dict(solver_order=3), 9, {}),
    "unipc_order_3": ("UniPCMultistep", dict(solver_order=3, timestep_spacing="linspace"), 7, {}),
    "pndm_runge_kutta": ("PNDM", {}, 10, {}),
    "kdpm2_ancestral": ("KDPM2AncestralDiscrete", LATENT, 5, {}),
    "flow_euler_shift": ("FlowMatchEulerDiscrete", dict(shift=3.0), 6, {}),
    "kdpm2_ancestral_karras": ("KDPM2AncestralDiscrete", dict(LATENT, use_karras_sigmas=True, steps_offset=1), 12, {}),
    "euler_log_linear_karras": ("EulerDiscrete", dict(LATENT, interpolation_type="log_linear", use_karras_sigmas=True,
                                                      final_sigmas_type="sigma_min"), 7, {}),
    "ddim_linspace": ("DDIM", dict(timestep_spacing="linspace", skip_prk_steps=True), 7, {}),
    "euler_between": ("EulerDiscrete", dict(num_train_timesteps=10), 14, {}),
    "heun_between": ("HeunDiscrete", dict(num_train_timesteps=10, timestep_spacing="trailing"), 13, {}),
}
# Options of UNet2DConditionModel, and shapes of its inputs beside a sample of 8x8 or the given size.
TRANSFORMERS = dict(down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                    up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), block_out_channels=(8, 12))
SIMPLE = dict(down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
              up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), block_out_channels=(8, 8),
              mid_block_type="UNetMidBlock2DSimpleCrossAttn", attention_head_dim=4, cross_attention_dim=32)
CONDITIONS = {
    "condition_sizes": (dict(TRANSFORMERS, transformer_layers_per_block=[1, 2], addition_embed_type="text_time",
                             addition_time_embed_dim=6, projection_class_embeddings_input_dim=41,
                             use_linear_projection=True),
                        {"added_cond.text_embeds": (2, 5), "added_cond.time_ids": (2, 6)}, (8, 8)),
    "condition_odd": (dict(TRANSFORMERS, layers_per_block=(1, 2), only_cross_attention=(True, False),
                           mid_block_type="UNetMidBlock2D", time_cond_proj_dim=6, class_embed_type="simple_projection",
                           projection_class_embeddings_input_dim=9, class_embeddings_concat=True),
                      {"timestep_cond": (2, 6), "class_labels": (2, 9), "encoder_attention_mask": (2, 5)}, (7, 9)),
    "condition_added": (dict(SIMPLE, cross_attention_norm="group_norm", addition_embed_type="text", act_fn="gelu",
                             addition_embed_type_num_heads=2, encoder_hid_dim=10, resnet_skip_time_act=True,
                             resnet_out_scale_factor=1.3, time_embedding_act_fn="gelu", only_cross_attention=(True, False),
                             resnet_time_scale_shift="scale_shift"),
                        {"encoder_attention_mask": (2, 5)}, (8, 8)),
    "condition_beside": (dict(TRANSFORMERS, num_class_embeds=7),
                         {"class_labels": None, "down_residual": (8, 8, 8, 12), "mid_residual": (2, 12, 4, 4)}, (8, 8)),
    "condition_only": (dict(TRANSFORMERS, only_cross_attention=True), {"encoder_attention_mask": (2, 5)}, (8, 8)),
}
TOY = dict(a=0.3, b=0.8, c=700.0, phase=0.4, va=2.0, vc=300.0)
KEPT = ("conv_in", "conv_out", "conv_norm_out", "time_embedding.linear_1", "mid_block.attentions",
        "up_blocks.0.attentions.0", "down_blocks.0.resnets.0.norm")


def network(**options):
    return moved(UNet2DModel(**SMALL, **options))


def moved(net):
    """The network with its one-dimensional parameters off their initial values."""
    with torch.no_grad():
        for value in net.parameters():
            if value.dim() == 1:
                value += 0.2 * torch.randn_like(value)
    return net


def write(folder, case, tensors):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.json").write_text(json.dumps(case, indent=1))
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, folder / "io.safetensors")


def pipeline(folder):
    pipe = DDPMPipeline(unet=network(), scheduler=DDPMScheduler())
    draws, module = [], sys.modules[DDPMPipeline.__module__]
    steps = sys.modules[DDPMScheduler.__module__]
    draw = module.randn_tensor

    def recorded(*args, **kwargs):
        draws.append(draw(*args, **kwargs))
        return draws[-1]

    module.randn_tensor = steps.randn_tensor = recorded
    call = dict(batch_size=2, num_inference_steps=10, output_type="np")
    image = torch.from_numpy(pipe(**call).images)
    module.randn_tensor = steps.randn_tensor = draw
    pipe.save_pretrained(folder)
    write(folder, dict(pipeline="DDPMPipeline", call=call), dict(image=image, randn=torch.stack(draws)))


def bound(x0, xt, t, mean, share, scheduler):
    """One term of the variational bound for each image, in bits/dim, with the mean held fixed."""
    view = lambda table: table[t].view(-1, 1, 1, 1)
    bar, beta = scheduler.alphas_cumprod, scheduler.betas
    before = torch.cat([torch.ones(1), bar[:-1]])
    tilde = beta * (1 - before) / (1 - bar)
    tilde[0] = tilde[1]
    predicted = (xt - view((1 - bar).sqrt()) * mean.detach()) / view(bar.sqrt())
    from_x0, from_x = view(beta * before.sqrt() / (1 - bar)), view((1 - beta).sqrt() * (1 - before) / (1 - bar))
    low, high = view(tilde.log()), view(beta.log())
    log_var = (share + 1) / 2 * high + (1 - share) / 2 * low
    kl = 0.5 * (-1 + log_var - low + (low - log_var).exp() + (from_x0 * (x0 - predicted)) ** 2 * (-log_var).exp())
    cdf = lambda x: 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    centred, precision = x0 - (from_x0 * predicted + from_x * xt), (-0.5 * log_var).exp()
    upper = torch.where(x0 > 0.999, 1.0, cdf(precision * (centred + 1 / 255)))
    lower = torch.where(x0 < -0.999, 0.0, cdf(precision * (centred - 1 / 255)))
    term = torch.where((t == 0).view(-1, 1, 1, 1), -(upper - lower).clamp(min=1e-12).log(), kl)
    return term.mean(dim=(1, 2, 3)) / math.log(2)


def train_step(folder):
    net = network(out_channels=6, resnet_time_scale_shift="scale_shift")
    net.save_pretrained(folder)
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    optimizer = dict(type="AdamW", lr=2e-4, betas=[0.9, 0.999], weight_decay=0.01, eps=1e-8)
    adam = torch.optim.AdamW(net.parameters(), **{key: value for key, value in optimizer.items() if key != "type"})
    ema, io = {key: value.detach().clone() for key, value in net.named_parameters()}, {}
    for step in range(3):
        x0 = torch.randint(0, 256, (4, 3, 8, 8)) / 127.5 - 1
        noise, t = torch.randn_like(x0), torch.randint(0, 1000, (4,))
        t[0] = 0
        xt = scheduler.add_noise(x0, noise, t)
        mean, share = net(xt, t).sample.chunk(2, dim=1)
        loss = F.mse_loss(mean, noise) + bound(x0, xt, t, mean, share, scheduler).mean()
        adam.zero_grad()
        loss.backward()
        if step == 0:
            io |= {f"grad.{key}": value.grad.clone() for key, value in net.named_parameters() if key.startswith(KEPT)}
        adam.step()
        decay = min(0.995, (1 + step) / (10 + step)) if step else 0.0
        for key, value in net.named_parameters():
            ema[key] = decay * ema[key] + (1 - decay) * value.detach()
        values = dict(x0=x0, noise=noise, t=t, loss=loss, ema_decay=torch.tensor(decay))
        io |= {f"s{step}.{key}": value for key, value in values.items()}
    io |= {f"param_after.{key}": value for key, value in net.named_parameters() if key.startswith(KEPT)}
    io |= {f"ema_after.{key}": value for key, value in ema.items() if key.startswith(KEPT)}
    case = dict(kind="train_step", steps=3, prediction_type="epsilon", optimizer=optimizer, min_snr_gamma=None,
                hybrid_vlb=True, grad_clip=None, beta_schedule="squaredcos_cap_v2")
    write(folder, case, io)


def toy(x, t, learned):
    out = TOY["a"] * x + TOY["b"] * math.sin(t / TOY["c"] + TOY["phase"])
    return torch.cat([out, torch.sin(TOY["va"] * x + t / TOY["vc"])], dim=1) if learned else out


def scheduler(folder, name, options, steps, step_kwargs):
    """A whole walk with the toy for a network, the noise drawn on the way, and images noised to four timesteps."""
    kind = getattr(diffusers, f"{name}Scheduler")
    scheduler, noising = kind.from_config(options), kind.from_config(options)
    scheduler.set_timesteps(steps)
    noising.set_timesteps(steps)
    module, draws, drawn_in = sys.modules[kind.__module__], [], []
    draw = module.randn_tensor if hasattr(module, "randn_tensor") else None

    def recorded(*args, **kwargs):
        draws.append(draw(*args, **kwargs))
        drawn_in.append(len(outputs) - 1)
        return draws[-1]

    module.randn_tensor = recorded
    x = torch.randn(1, 3, 2, 2) * scheduler.init_noise_sigma if hasattr(scheduler, "init_noise_sigma") \
        else torch.randn(1, 3, 2, 2)
    io, outputs, images = dict(x_init=x, timesteps=scheduler.timesteps.clone()), [], []
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        outputs.append(toy(scaled, float(t), "learned" in options.get("variance_type", "")))
        x = scheduler.step(outputs[-1], t, x, **step_kwargs).prev_sample
        images.append(x)
    if draw:
        module.randn_tensor = draw
    io |= dict(model_output=torch.stack(outputs), prev_sample=torch.stack(images))
    if draws:
        io |= dict(noise=torch.stack(draws), noise_step=torch.tensor(drawn_in))
    if hasattr(noising, "add_noise"):
        x0, noise, t = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2), noising.timesteps[[0, 1, -2, -1]]
        io |= {"add_noise.x0": x0, "add_noise.noise": noise, "add_noise.timesteps": t,
               "add_noise.out": noising.add_noise(x0, noise, t)}
    case = dict(scheduler=kind.__name__, set_timesteps=dict(num_inference_steps=steps), step_kwargs=step_kwargs,
                toy_model=TOY)
    write(folder, case, io)
    scheduler.save_config(folder)


def condition(folder, options, shapes, size):
    options = dict(dict(layers_per_block=1, norm_num_groups=4, cross_attention_dim=10, attention_head_dim=2,
                        sample_size=8), **options)
    net = moved(UNet2DConditionModel(**options)).eval()
    text = torch.randn(2, 5, options.get("encoder_hid_dim") or options["cross_attention_dim"])
    io = dict(sample=torch.randn(2, 4, *size), timestep=torch.tensor([11, 640]), encoder_hidden_states=text)
    call, added = {}, {}
    for name, shape in shapes.items():
        if name == "encoder_attention_mask":
            call[name] = (torch.arange(5) < torch.tensor([[3], [5]])).float()
        elif name == "class_labels" and shape is None:
            call[name] = torch.tensor([6, 2])
        elif name == "down_residual":
            sizes = [size] * 2 + [tuple((side + 1) // 2 for side in size)] * 2
            residuals = [torch.randn(2, channels, *side) for channels, side in zip(shape, sizes)]
            io |= {f"{name}.{index}": residual for index, residual in enumerate(residuals)}
            call["down_block_additional_residuals"] = residuals
        elif name == "mid_residual":
            io[name] = call["mid_block_additional_residual"] = torch.randn(shape)
        elif name.startswith("added_cond."):
            io[name] = added[name.removeprefix("added_cond.")] = 10 * torch.rand(shape)
        else:
            call[name] = torch.randn(shape)
    io |= {name: value for name, value in call.items() if name in shapes}
    with torch.no_grad():
        io["out"] = net(io["sample"], io["timestep"], text, added_cond_kwargs=added or None, **call).sample
    net.save_pretrained(folder)
    write(folder, dict(kind="UNet2DConditionModel"), io)


def extra_large(folder):
    """Sizes of the negative prompt, a crop alone of the prompt, a layer left out of that, and a scheduler made of another."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    tokens = pathlib.Path(__file__).parent / "stable_diffusion/tokenizer"
    tokenizer, second = (CLIPTokenizer.from_pretrained(tokens) for _ in range(2))
    text = CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=16, num_hidden_layers=3,
                          num_attention_heads=2, projection_dim=6, bos_token_id=tokenizer.bos_token_id,
                          eos_token_id=tokenizer.eos_token_id)
    sizes = dict(block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4)
    unet = UNet2DConditionModel(**TRANSFORMERS | sizes, sample_size=8, cross_attention_dim=16, attention_head_dim=2,
                                use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=6,
                                projection_class_embeddings_input_dim=6 * 6 + 6)
    vae = diffusers.AutoencoderKL(**sizes, down_block_types=("DownEncoderBlock2D",) * 2, sample_size=16,
                                  up_block_types=("UpDecoderBlock2D",) * 2, scaling_factor=0.13)
    pipe = diffusers.StableDiffusionXLPipeline(
        vae=moved(vae).eval(), unet=moved(unet).eval(), tokenizer=tokenizer, tokenizer_2=second,
        text_encoder=moved(CLIPTextModel(text)).eval(), text_encoder_2=moved(CLIPTextModelWithProjection(text)).eval(),
        scheduler=diffusers.EulerDiscreteScheduler.from_config(dict(LATENT, skip_prk_steps=True, steps_offset=1)))
    call = dict(prompt=["the red dog on a mat"], negative_prompt=["blurry fox"], num_inference_steps=3, guidance_scale=5.0,
                clip_skip=1, height=16, width=16, crops_coords_top_left=(2, 3), negative_original_size=(8, 9),
                negative_target_size=(16, 17), output_type="np")
    latents, steps = torch.randn(1, 4, 8, 8), []
    kept = lambda pipe, index, t, state: steps.append(state["latents"].clone()) or {}
    image = pipe(**call, latents=latents.clone(), callback_on_step_end=kept).images
    pipe.save_pretrained(folder)
    write(folder, dict(pipeline="StableDiffusionXLPipeline", call=call),
          dict(image=torch.from_numpy(image), latents=latents, step_latents=torch.stack(steps)))


def labelled(folder):
    """A training step of a network that knows classes, and none that means no class."""
    net = network(num_class_embeds=3)
    net.save_pretrained(folder)
    optimizer = dict(type="AdamW", lr=2e-4, betas=[0.9, 0.999], weight_decay=0.01, eps=1e-8)
    adam = torch.optim.AdamW(net.parameters(), **{key: value for key, value in optimizer.items() if key != "type"})
    x0, noise, t, labels = torch.rand(4, 3, 8, 8) * 2 - 1, torch.randn(4, 3, 8, 8), torch.tensor([0, 20, 400, 999]), \
        torch.tensor([2, 0, 1, 2])
    loss = F.mse_loss(net(DDPMScheduler().add_noise(x0, noise, t), t, class_labels=labels).sample, noise)
    loss.backward()
    kept = {key: value for key, value in net.named_parameters() if key.startswith(("conv_in", "class_embedding"))}
    io = {f"grad.{key}": value.grad.clone() for key, value in kept.items()}
    adam.step()
    values = dict(x0=x0, noise=noise, t=t, class_labels=labels, loss=loss, ema_decay=torch.tensor(0.0))
    io |= {f"s0.{key}": value for key, value in values.items()}
    io |= {f"{prefix}_after.{key}": value.detach().clone() for prefix in ("param", "ema") for key, value in kept.items()}
    case = dict(kind="train_step", steps=1, prediction_type="epsilon", optimizer=optimizer, min_snr_gamma=None,
                hybrid_vlb=False, grad_clip=None, beta_schedule="linear")
    write(folder, case, io)


# Pipeline, scheduler, its options and the call: files without the options that a pipeline's constructor sets, scales that do
# not guide, walks that begin on the way, masks for a network that knows none.
ON_THE_WAY = {
    "stable_diffusion_old": ("", "DDIM", {}, dict(num_inference_steps=3, guidance_scale=0.5)),
    "stable_diffusion_pndm_late": ("Img2Img", "PNDM", dict(skip_prk_steps=True, set_alpha_to_one=False),
                                   dict(num_inference_steps=8, strength=0.5, guidance_scale=4.0)),
    "stable_diffusion_single_late": ("Img2Img", "DPMSolverSinglestep", {},
                                     dict(num_inference_steps=6, strength=0.5, guidance_scale=4.0)),
    "stable_diffusion_inpaint": ("Inpaint", "KDPM2Discrete", {},
                                 dict(num_inference_steps=5, strength=0.6, guidance_scale=4.0, height=16, width=16)),
    "stable_diffusion_tcd": ("Inpaint", "TCD", {}, dict(num_inference_steps=2, guidance_scale=1.0, height=16, width=16)),
}


def on_the_way(folder, task, name, options, call):
    (folder / "scheduler").mkdir(parents=True, exist_ok=True)
    options = dict(LATENT, _class_name=f"{name}Scheduler", **options)
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(options))
    scheduler = getattr(diffusers, f"{name}Scheduler").from_pretrained(folder / "scheduler")
    kind = getattr(diffusers, f"StableDiffusion{task}Pipeline")
    weights = pathlib.Path(__file__).parent / "stable_diffusion"
    pipe = kind.from_pretrained(weights, scheduler=scheduler, safety_checker=None)
    draw, draws = diffusers.utils.torch_utils.randn_tensor, []

    def recorded(*args, **kwargs):
        draws.append(draw(*args, **kwargs).clone())
        return draws[-1]

    drawing = [module for key, module in sys.modules.items()
               if key.startswith("diffusers") and getattr(module, "randn_tensor", None) is draw]
    for module in drawing:
        module.randn_tensor = recorded
    io, steps, call = {}, [], dict(call, prompt=["the red dog"], output_type="np")
    if task:
        io["image_in"] = torch.rand(1, 3, 16, 16)
    if task == "Inpaint":
        io["mask_in"] = torch.zeros(1, 1, 16, 16)
        io["mask_in"][:, :, 3:11, 5:13] = 1
    images = {dict(image_in="image", mask_in="mask_image")[key]: value for key, value in io.items()}
    kept = lambda pipe, index, t, state: steps.append(state["latents"].clone()) or {}
    io["image"] = torch.from_numpy(pipe(**call, **images, callback_on_step_end=kept).images)
    for module in drawing:
        module.randn_tensor = draw
    io |= {f"randn.{index}": draw for index, draw in enumerate(draws)} | dict(step_latents=torch.stack(steps))
    write(folder, dict(pipeline=kind.__name__, weights="../stable_diffusion", call=call), io)


def image_skips(folder):
    """NCSN++: no number of groups, so that each norm chooses its own; and an option that the class does not know, which is null."""
    net = moved(UNet2DModel(
        sample_size=8, block_out_channels=(8, 16), down_block_types=("SkipDownBlock2D",) * 2, layers_per_block=1,
        up_block_types=("SkipUpBlock2D",) * 2, norm_num_groups=None, attention_head_dim=4, norm_eps=1e-6,
        mid_block_scale_factor=math.sqrt(2), time_embedding_type="fourier", downsample_padding=None)).eval()
    sample, timestep = torch.randn(2, 3, 8, 8), torch.tensor([3.0, 0.7])
    with torch.no_grad():
        out = net(sample, timestep).sample
    net.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(dict(config, later_option=None), indent=1))
    write(folder, dict(kind="UNet2DModel"), dict(sample=sample, timestep=timestep, out=out))


def added_tokens(folder):
    """Tokens that were added to CLIP's, each with another way in which it is found."""
    from transformers import AddedToken, CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(pathlib.Path(__file__).parent / "stable_diffusion/tokenizer")
    tokenizer.add_tokens([
        AddedToken("<Cat-Toy>"), AddedToken("<cat><mat>", normalized=False), AddedToken("<cat>", normalized=False),
        AddedToken("<spaced>", lstrip=True, rstrip=True, normalized=False), AddedToken("sks", single_word=True)])
    tokenizer.save_pretrained(folder)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).write_bytes((pathlib.Path(__file__).parent / "stable_diffusion/tokenizer" / name).read_bytes())
    prompts = ["a photo of a <cat-toy>  on A <CAT-TOY>", "<cat><mat><cat> <CAT>", "a  <spaced>  <spaced> mat<spaced>",
               "sks, asks Sks_ sks"]
    cases = [dict(prompt=prompt, unpadded=tokenizer(prompt).input_ids) for prompt in prompts]
    (folder / "cases.json").write_text(json.dumps(dict(max_length=77, cases=cases), indent=1))


root = pathlib.Path(sys.argv[1])
wanted = sys.argv[2:] or ["pipeline", "train_step", "schedulers", "conditions", "extra_large", "labelled",
                           "on_the_way", "image_skips", "added_tokens"]
torch.manual_seed(0)
if "pipeline" in wanted:
    pipeline(root / "ddpm_pipeline")
if "train_step" in wanted:
    train_step(root / "hybrid_train_step")
if "schedulers" in wanted:
    torch.manual_seed(1)
    for name, arguments in SCHEDULERS.items():
        scheduler(root / name, *arguments)
if "conditions" in wanted:
    torch.manual_seed(2)
    for name, arguments in CONDITIONS.items():
        condition(root / name, *arguments)
if "extra_large" in wanted:
    torch.manual_seed(3)
    extra_large(root / "stable_diffusion_xl")
if "labelled" in wanted:
    torch.manual_seed(4)
    labelled(root / "labelled_train_step")
if "on_the_way" in wanted:
    torch.manual_seed(5)
    for name, arguments in ON_THE_WAY.items():
        on_the_way(root / name, *arguments)
if "image_skips" in wanted:
    torch.manual_seed(4)
    image_skips(root / "image_skips")
if "added_tokens" in wanted:
    added_tokens(root / "tokenizer_added")
