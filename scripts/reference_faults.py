"""Shows each place where docs/conformance.md says that the reference library's schedulers are wrong.

    pip install diffusers torch scipy && python scripts/reference_faults.py

The network is exact for data of one Gaussian (mean 0.3, deviation 0.5), so that all that is not exact is the scheduler's.
"""

import math

import torch
import diffusers

MEAN, STD = 0.3, 0.5


def answer(x, alpha, sigma, kind):
    """What an exact network says of `x = alpha x0 + sigma eps`."""
    x0 = MEAN + (x - alpha * MEAN) * alpha * STD**2 / ((alpha * STD) ** 2 + sigma**2)
    eps = (x - alpha * x0) / sigma
    return {"epsilon": eps, "sample": x0, "v_prediction": alpha * eps - sigma * x0}[kind]


def exact(x, alpha):
    """Where the probability-flow ODE takes x, of a chain's level, on clean images."""
    return MEAN + (x - alpha * MEAN) * STD / math.sqrt((alpha * STD) ** 2 + 1 - alpha**2)


def walk(name, kind, steps, double=False, step_kwargs={}, **options):
    """The scheduler's images and what they should be, from the same noise."""
    torch.manual_seed(0)
    scheduler = getattr(diffusers, name)(prediction_type=kind, **options)
    scheduler.set_timesteps(steps)
    if double:
        scheduler.sigmas = scheduler.sigmas.double()
    start = torch.randn(1, 1, 4, 4, dtype=torch.float64)
    x = (start if double else start.float()) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        alpha = scheduler.alphas_cumprod.double()[int(t)].sqrt().item()
        sigma = math.sqrt(1 - alpha**2)
        seen = scheduler.scale_model_input(x, t)
        out = answer(seen.double(), alpha, sigma, kind).to(x.dtype)
        x = scheduler.step(out, t, x, **step_kwargs).prev_sample
    alpha = scheduler.alphas_cumprod.double()[int(scheduler.timesteps[0])].sqrt().item()
    return x.double(), exact(start, alpha)


def error(*args, **kwargs):
    ours, right = walk(*args, **kwargs)
    return (ours - right).abs().max().item()


def show(claim, *findings):
    print(claim, *(f"    {finding}" for finding in findings), sep="\n")


plms = dict(skip_prk_steps=True, set_alpha_to_one=True)
show("PNDM with v_prediction: error with 50, 100 and 200 steps",
     *(f"{kind:14}" + " ".join(f"{error('PNDMScheduler', kind, n, **plms):.1e}" for n in (50, 100, 200))
       for kind in ("epsilon", "v_prediction")))

pndm = diffusers.PNDMScheduler(timestep_spacing="linspace", skip_prk_steps=True)
pndm.set_timesteps(10)
show("PNDM's step is num_train_timesteps // steps long, whatever the spacing",
     f"timesteps {pndm.timesteps.tolist()}, strides of {1000 // 10}")

pndm = diffusers.PNDMScheduler()
pndm.set_timesteps(40)
show("PNDM's Runge-Kutta middle with an odd stride: image and network one timestep apart",
     f"network at {pndm.prk_timesteps[:4].tolist()}, image at {pndm.prk_timesteps[0] - 25 // 2} in the middle")

churn = dict(step_kwargs=dict(s_churn=10.0))
pair = [walk("EulerDiscreteScheduler", kind, 20, **churn)[0] for kind in ("epsilon", "v_prediction")]
plain = [walk("EulerDiscreteScheduler", kind, 20)[0] for kind in ("epsilon", "v_prediction")]
show("EulerDiscrete with churn: the same denoiser by eps and by v, largest difference",
     f"without churn {(plain[0] - plain[1]).abs().max():.1e}, with churn {(pair[0] - pair[1]).abs().max():.1e}")

for beta_schedule in ("linear", "squaredcos_cap_v2"):
    options = dict(solver_order=3, timestep_spacing="trailing", beta_schedule=beta_schedule)
    for kind in ("epsilon", "v_prediction"):
        single, double = (walk("DEISMultistepScheduler", kind, 10, double, **options)[0] for double in (False, True))
        show(f"DEIS, {kind}, {beta_schedule}, trailing: single against double precision",
             f"{(single - double).abs().max():.1e} of {double.abs().max():.1f}")

for name in ("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler"):
    images = []
    for amount in (0.0, 4.0):
        torch.manual_seed(1)
        flow = getattr(diffusers, name)()
        flow.set_timesteps(4)
        x = torch.ones(1, 1, 2, 2)
        for t in flow.timesteps:
            x = flow.step(0.1 * x, t, x, s_churn=amount, generator=torch.Generator().manual_seed(2)).prev_sample
        images.append(x)
    show(f"{name}: what churn changes", f"{(images[0] - images[1]).abs().max():.1e}")

weight = lambda h: (1 - math.exp(-2 * h) - 2 * h) / (2 * h) ** 2 - 0.5
show("sde-dpmsolver++ of order 3: the curvature's weight, which should vanish with the step h",
     *(f"h {h}: {weight(h):.4f}, with the other sign {weight(h) + 1:.4f}" for h in (0.1, 0.01)))
for name in ("sde-dpmsolver++", "sde-dpmsolver"):
    try:
        scatter = [walk("DPMSolverMultistepScheduler", "epsilon", n, algorithm_type=name, solver_order=3)[0].std().item()
                   for n in (50, 200, 800)]
        show(f"{name} of order 3, deviation of the images in 50, 200 and 800 steps, {STD} in the data", f"{scatter}")
    except Exception as reason:
        show(f"{name} of order 3", f"{type(reason).__name__}: {reason}")

for variance in ("fixed_small", "fixed_large", "learned", "learned_range", "fixed_large_log"):
    ddpm = diffusers.DDPMScheduler(variance_type=variance, timestep_spacing="trailing", clip_sample=False)
    ddpm.set_timesteps(10)
    out = torch.zeros(1, 6 if "learned" in variance else 3, 8, 8)
    out[:, 3:] = 0.01 if variance == "learned" else 1.0
    t = ddpm.timesteps[-1]
    x = ddpm.step(out, t, torch.zeros(1, 3, 8, 8)).prev_sample
    show(f"DDPM, {variance}, from timestep {t} to the clean image: deviation of the noise drawn", f"{x.std():.4f}")

for bh in ("bh1", "bh2"):
    x, _ = walk("UniPCMultistepScheduler", "epsilon", 10, solver_order=3, solver_type=bh)
    show(f"UniPC {bh} to sigma 0", f"finite: {bool(x.isfinite().all())}")

for begin in (0, 25):
    lms = diffusers.LMSDiscreteScheduler()
    lms.set_timesteps(50)
    lms.set_begin_index(begin)
    torch.manual_seed(0)
    start = torch.randn(1, 1, 4, 4, dtype=torch.float64)
    x = MEAN + start * math.sqrt(STD**2 + lms.sigmas[begin].item() ** 2)
    for t in lms.timesteps[begin:]:
        sigma = lms.sigmas[lms.step_index if lms.step_index is not None else begin].item()
        lms.scale_model_input(x, t)
        x = lms.step(answer(x, 1.0, sigma, "epsilon"), t, x).prev_sample
    show(f"LMS, 50 steps, begun at step {begin}: error", f"{(x - MEAN - start * STD).abs().max():.1e}")

for skips in (True, False):
    findings = []
    for n in (20, 50, 100):
        pndm = diffusers.PNDMScheduler(skip_prk_steps=skips, set_alpha_to_one=True)
        pndm.set_timesteps(n)
        alphas = pndm.alphas_cumprod.double().sqrt()
        begin = n // 2
        torch.manual_seed(0)
        start = x = torch.randn(1, 1, 4, 4, dtype=torch.float64)
        first = alphas[int(pndm.timesteps[begin])].item()
        for t in pndm.timesteps[begin:]:
            alpha = alphas[int(t)].item()
            x = pndm.step(answer(x, alpha, math.sqrt(1 - alpha**2), "epsilon"), t, x).prev_sample
        findings.append(f"{(x - exact(start, first)).abs().max():.1e}")
    show(f"PNDM, {'PLMS' if skips else 'Runge-Kutta'}, begun half way (image to image), 20, 50 and 100 steps: error", " ".join(findings))

broken = []
for n in range(2, 101):
    options = dict(rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False)
    ddim = diffusers.DDIMScheduler(prediction_type="v_prediction", **options)
    ddim.set_timesteps(n)
    x = ddim.step(torch.zeros(1, 1, 2, 2), ddim.timesteps[0], torch.ones(1, 1, 2, 2), eta=1.0).prev_sample
    broken += [n] * (not x.isfinite().all())
show("DDIM, eta 1, first step from a level without signal: not a number with these numbers of steps", f"{broken}")

ancestral = diffusers.KDPM2AncestralDiscreteScheduler(beta_schedule="squaredcos_cap_v2")
ancestral.set_timesteps(12)
first, second = ancestral.sigmas[:2].double().tolist()
show("KDPM2Ancestral on a cosine chain: the sigma that the first step keeps",
     f"from {first:.0f} to {second:.3f}: {ancestral.sigmas_down[0]:.6f}; next^2 / sigma is {second**2 / first:.6f}")

for steps in (1, 2):
    edm = diffusers.EDMEulerScheduler(sigma_schedule="exponential")
    edm.set_timesteps(steps)
    show(f"EDM, exponential sigmas, {steps} steps", f"begins at {edm.sigmas[0]:.3f} with noise of {edm.init_noise_sigma:.0f}")

for steps in (1, 2):
    heun = diffusers.FlowMatchHeunDiscreteScheduler()
    heun.set_timesteps(steps)
    try:
        batch = heun.timesteps[:1].repeat(4)
        noisy = heun.scale_noise(torch.zeros(4, 1, 1, 1), batch, torch.ones(4, 1, 1, 1))
        show(f"FlowMatchHeun, a batch of clean zeros noised by ones at timestep 1000 of {steps}", f"{noisy.flatten().tolist()}")
    except Exception as reason:
        show(f"FlowMatchHeun, a batch of timesteps, {steps} steps", f"{type(reason).__name__}: {reason}")
