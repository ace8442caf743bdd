"""Measures the same network here and in PyTorch, in turns, on one machine.

    pip install torch==2.9.0 diffusers==0.42.1
    cargo build -p train -p infer -p interop && python scripts/bench_torch.py [--rounds 3] [--only NAME]... [--results FILE]

The network is a UNet2DModel of 6,469,889 parameters for 32x32 grey images. Prints a table and a line `ratio NAME VALUE` for each
measurement, ours over PyTorch's: below 1, ours is faster or smaller. Each number is the median over the rounds, with the least
and the largest, each round a new process of either side; a ratio is the median of the rounds' ratios. With `--results`, rounds
are added to a file, and the table is of all in it: a machine that others use may be quiet for a minute, but not for all.
Training here includes loading data, clipping and the moving average, which PyTorch's side leaves out.
Needs Python with the packages above; nothing of the project itself does.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
SETTINGS = [
    "dataset={type='digits', pad_to=32}",
    "model={channels=64, channel_mult=[1, 2, 2], num_res_blocks=2, attention_resolutions=[8], head_channels=8}",
    "train.conditional=false",
    "train.cond_drop_prob=0.0",
    "sample={solver={type='ddim'}, spacing='leading', steps=10}",
]
REPETITIONS = 7
EVALUATIONS = 10


def torch_network():
    from diffusers import UNet2DModel

    return UNet2DModel(
        sample_size=32,
        in_channels=1,
        out_channels=1,
        block_out_channels=(64, 128, 128),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=32,
    )


def median_seconds(step):
    step()
    times = []
    for _ in range(REPETITIONS):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def torch_side(task, argument):
    """Runs in a process of its own and prints seconds."""
    import torch

    if task == "process":
        from diffusers import DDIMPipeline

        pipeline = DDIMPipeline.from_pretrained(argument)
        pipeline.set_progress_bar_config(disable=True)
        pipeline(batch_size=16, num_inference_steps=50)
        return
    net = torch_network()
    assert sum(p.numel() for p in net.parameters()) == 6_469_889
    x = torch.randn(int(argument), 1, 32, 32)
    t = torch.randint(0, 1000, (int(argument),))
    if task == "infer":
        with torch.inference_mode():
            print(median_seconds(lambda: net(x, t).sample.sum().item()))
        return
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-4)

    def step():
        torch.nn.functional.mse_loss(net(x, t).sample, x).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    print(median_seconds(step))


def run(command):
    """Output, seconds and peak memory in MiB of a process."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([str(word) for word in command], cwd=ROOT, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            sys.exit(f"failed: {' '.join(map(str, command))}")
        output.seek(0)
        return output.read(), seconds, usage.ru_maxrss / 1024


def torch_run(task, argument):
    return run([sys.executable, __file__, "--side", task, argument])


def ours(batch, images):
    """Seconds of a training step, seconds of an evaluation of `images` images, peak MiB."""
    settings = SETTINGS + [f"train.batch_size={batch}", f"train.sample_images={images}"]
    command = [PROGRAMS / "bench", "configs/digits-ddpm.toml", "--repetitions", REPETITIONS]
    text, _, memory = run(command + [word for setting in settings for word in ("--set", setting)])
    row = text.strip().splitlines()[-1].split("|")
    assert row[3].strip() == "6469889", row
    sampling = float(re.search(r": ([\d.]+) s", row[8]).group(1))
    return float(row[4]) / 1000, sampling / EVALUATIONS, memory


def train(batch):
    """The seconds of a training step of either side, and the peak memory."""
    mine, _, memory = ours(batch, 1)
    text, _, torch_memory = torch_run("train", batch)
    return (mine, float(text)), (memory, torch_memory)


def train_b16():
    seconds, memory = train(16)
    return {"train_b16": seconds, "rss_train_b16": memory}


def infer(batch):
    return ours(1, batch)[1], float(torch_run("infer", batch)[0])


def process_ddim50():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        prepare(folder)
        draw = [PROGRAMS / "infer", "--run", folder / "runs/bench", "--steps", 50, "--out", folder / "grid.png"]
        return run(draw)[1], torch_run("process", folder / "model")[1]


MEASUREMENTS = {
    "train_b16": train_b16,
    "train_b64": lambda: {"train_b64": train(64)[0]},
    "infer_b1": lambda: {"infer_b1": infer(1)},
    "infer_b16": lambda: {"infer_b16": infer(16)},
    "process_ddim50": lambda: {"process_ddim50": process_ddim50()},
}


def prepare(folder):
    """A run of one step and the same as a folder that PyTorch's side reads."""
    settings = SETTINGS + ["train.batch_size=2", "train.eval_images=2", "train.sample_images=1"]
    words = [word for setting in settings for word in ("--set", setting)]
    train = [PROGRAMS / "train", ROOT / "configs/digits-ddpm.toml", "--run", "bench", "--steps", "1", "--plain", *words]
    subprocess.run(train, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    export = [PROGRAMS / "export", "--run", folder / "runs/bench", folder / "model"]
    subprocess.run(export, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def table(results):
    """Of a list of `{name: [ours, torch's]}`."""
    print("| measurement | ours | PyTorch | ratio | rounds |\n|---|---|---|---|---|")
    ratios = {}
    for name in dict.fromkeys(name for one in results for name in one):
        pairs = [one[name] for one in results if name in one]
        unit = "MiB" if name.startswith("rss") else "s"
        cells = [f"{statistics.median(side):.3f} ({min(side):.3f} to {max(side):.3f}) {unit}" for side in zip(*pairs)]
        of_rounds = [mine / theirs for mine, theirs in pairs]
        ratios[name] = statistics.median(of_rounds)
        spread = f"{ratios[name]:.2f} ({min(of_rounds):.2f} to {max(of_rounds):.2f})"
        print(f"| {name} | {cells[0]} | {cells[1]} | {spread} | {len(pairs)} |")
    for name, ratio in ratios.items():
        print(f"ratio {name} {ratio:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), help="measure this alone; may be repeated")
    parser.add_argument("--results", type=pathlib.Path, help="a file that rounds are added to")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        return torch_side(*arguments.side)
    results = []
    if arguments.results and arguments.results.exists():
        results = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    for _ in range(arguments.rounds):
        for name in arguments.only or MEASUREMENTS:
            results.append(MEASUREMENTS[name]())
            if arguments.results:
                with arguments.results.open("a") as file:
                    print(json.dumps(results[-1]), file=file)
    table(results)


if __name__ == "__main__":
    main()
