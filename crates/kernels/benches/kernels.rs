//! `cargo bench -p kernels`: the rate of each kernel beside that of the machine's matrix products, as a table.
//!
//! Times are medians over repetitions, of the forward pass and of forward and backward pass together. Operations are
//! counted as the plain algorithm needs them, so that Winograd's convolutions can be faster than a product. Kernels that
//! do little more than move data are rated by the bytes that they must read and write.

#![allow(clippy::print_stdout, reason = "a measurement for whoever runs it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use burn::nn::conv::Conv2dConfig;
use burn::nn::{GroupNormConfig, LayerNormConfig, LinearConfig, PaddingConfig2d};
use burn::prelude::*;
use burn::tensor::Distribution;

/// Images in a batch.
const BATCH: usize = 16;
/// What a kernel is repeated for, and how often at least.
const BUDGET: Duration = Duration::from_secs(1);
const REPETITIONS: usize = 5;

fn main() {
    let side = 2048;
    let square = random([side, side], &Device::flex());
    let product = 2.0 * (side as f64).powi(3) / time(|| square.clone().matmul(square.clone())) / 1e9;
    println!("matrix product of {side}x{side}: {product:.0} GFLOP/s, {BATCH} images");
    head("GFLOP/s");
    let arithmetic = Unit { scale: 1e9, peak: Some(product) };
    for [from, to, kernel, stride, size] in [
        [64, 64, 3, 1, 32],
        [128, 128, 3, 1, 16],
        [256, 128, 3, 1, 8],
        [1, 64, 3, 1, 32],
        [64, 64, 3, 2, 32],
        [128, 64, 1, 1, 32],
    ] {
        convolution([from, to], kernel, stride, size, arithmetic);
    }
    projection(128, 256, arithmetic);
    for positions in [64, 256, 1024] {
        attention(128, positions, arithmetic);
    }
    head("GB/s");
    let traffic = Unit { scale: 1e9, peak: None };
    norm(64, 32, traffic);
    layer_norm(128, 1024, traffic);
    geglu(512, 1024, traffic);
    mean_pool(64, 32, traffic);
    upsample(64, 16, traffic);
    softplus(64, 32, traffic);
    updates(1 << 22, traffic);
}

/// What work is counted in, and the most of it that a second allows.
#[derive(Clone, Copy)]
struct Unit {
    scale: f64,
    peak: Option<f64>,
}

fn convolution([from, to]: [usize; 2], kernel: usize, stride: usize, size: usize, unit: Unit) {
    let padding = kernel / 2;
    let config = Conv2dConfig::new([from, to], [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding));
    let out = size / stride;
    let name = format!("conv {kernel}x{kernel}, {from} to {to}, stride {stride}, {size}x{size}");
    let operations = 2.0 * (BATCH * from * to * kernel * kernel * out * out) as f64;
    // The backward pass is two convolutions: for the images and for the weights.
    measure(&name, [operations, 3.0 * operations], unit, |device| {
        let (layer, x) = (config.init(device), random([BATCH, from, size, size], device));
        move || kernels::conv2d(&layer, x.clone())
    });
}

fn projection(channels: usize, positions: usize, unit: Unit) {
    let operations = 2.0 * (BATCH * channels * channels * positions) as f64;
    let name = format!("project {channels} to {channels}, {positions} positions");
    measure(&name, [operations, 3.0 * operations], unit, |device| {
        let layer = LinearConfig::new(channels, channels).init(device);
        let x = random([BATCH, channels, positions], device);
        move || kernels::project(&layer, x.clone())
    });
}

fn attention(channels: usize, positions: usize, unit: Unit) {
    let operations = 4.0 * (BATCH * channels * positions * positions) as f64;
    let name = format!("attention, {positions} positions, 4 heads of {}", channels / 4);
    // The backward pass makes the scores again, and four products of them.
    measure(&name, [operations, 3.5 * operations], unit, |device| {
        let [q, k, v] = [(); 3].map(|()| random([BATCH, channels, positions], device));
        move || kernels::attention(q.clone(), k.clone(), v.clone(), 4)
    });
}

fn norm(channels: usize, size: usize, unit: Unit) {
    let bytes = 4.0 * (BATCH * channels * size * size) as f64;
    let name = format!("group norm + silu, {channels} channels, {size}x{size}");
    measure(&name, [2.0 * bytes, 5.0 * bytes], unit, |device| {
        let layer = GroupNormConfig::new(32, channels).init(device);
        let x = random([BATCH, channels, size, size], device);
        move || kernels::group_norm_silu(&layer, x.clone())
    });
}

fn layer_norm(channels: usize, positions: usize, unit: Unit) {
    let bytes = 4.0 * (BATCH * channels * positions) as f64;
    let name = format!("layer norm, {channels} channels, {positions} positions");
    measure(&name, [2.0 * bytes, 5.0 * bytes], unit, |device| {
        let layer = LayerNormConfig::new(channels).init(device);
        let x = random([BATCH, channels, positions], device);
        move || kernels::layer_norm(&layer, 1e-5, x.clone())
    });
}

fn geglu(channels: usize, positions: usize, unit: Unit) {
    let bytes = 4.0 * (BATCH * channels * positions) as f64;
    let name = format!("GEGLU, {channels} channels, {positions} positions");
    measure(&name, [3.0 * bytes, 8.0 * bytes], unit, |device| {
        let x = random([BATCH, 2 * channels, positions], device);
        move || kernels::geglu(x.clone())
    });
}

fn mean_pool(channels: usize, size: usize, unit: Unit) {
    let bytes = 4.0 * (BATCH * channels * size * size) as f64;
    let name = format!("mean of 2x2, {channels} channels, {size}x{size}");
    measure(&name, [1.25 * bytes, 2.5 * bytes], unit, |device| {
        let x = random([BATCH, channels, size, size], device);
        move || kernels::mean_pool2d(x.clone(), 2)
    });
}

fn upsample(channels: usize, size: usize, unit: Unit) {
    let bytes = 4.0 * (BATCH * channels * size * size) as f64;
    let name = format!("repetition to 2x2, {channels} channels, {size}x{size}");
    measure(&name, [5.0 * bytes, 10.0 * bytes], unit, |device| {
        let x = random([BATCH, channels, size, size], device);
        move || kernels::upsample_nearest2d(x.clone(), 2, [2 * size, 2 * size])
    });
}

fn softplus(channels: usize, size: usize, unit: Unit) {
    let bytes = 4.0 * (BATCH * channels * size * size) as f64;
    let name = format!("softplus, {channels} channels, {size}x{size}");
    measure(&name, [2.0 * bytes, 5.0 * bytes], unit, |device| {
        let x = random([BATCH, channels, size, size], device);
        move || kernels::softplus(x.clone())
    });
}

fn updates(parameters: usize, unit: Unit) {
    let device = Device::flex();
    let x = || random([parameters], &device);
    let (average, latest) = (x(), x());
    let seconds = time(|| kernels::blend(average.clone(), latest.clone(), 0.999));
    row(
        &format!("moving average, {parameters} parameters"),
        [12.0 * parameters as f64; 2],
        [seconds; 2],
        unit,
    );
    let seconds = time(|| kernels::sum_of_squares(latest.clone()));
    row(&format!("gradient norm, {parameters} parameters"), [4.0 * parameters as f64; 2], [seconds; 2], unit);
}

/// Times a kernel's forward pass, and both passes, with inputs and weights that want gradients.
fn measure<const D: usize, F: Fn() -> Tensor<D>>(
    name: &str,
    work: [f64; 2],
    unit: Unit,
    kernel: impl Fn(&Device) -> F,
) {
    let plain = kernel(&Device::flex());
    let forward = time(&plain);
    let learning = kernel(&Device::flex().autodiff());
    let both = time(|| learning().sum().backward());
    row(name, work, [forward, both], unit);
}

fn head(unit: &str) {
    let rate = format!("{unit} | of a product |");
    println!("\n| kernel | forward ms | {rate} both passes ms | {rate}\n|---|---|---|---|---|---|---|");
}

fn row(name: &str, work: [f64; 2], seconds: [f64; 2], unit: Unit) {
    let cells = work.iter().zip(seconds).map(|(work, seconds)| {
        let rate = work / seconds / unit.scale;
        let share = unit.peak.map_or(String::from("-"), |peak| format!("{:.0} %", 100.0 * rate / peak));
        format!(" {:.2} | {rate:.0} | {share} |", 1e3 * seconds)
    });
    println!("| {name} |{}", cells.collect::<String>());
}

fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let x = Tensor::random(shape, Distribution::Normal(0.0, 1.0), device);
    if device.is_autodiff() { x.require_grad() } else { x }
}

/// The median of the seconds that something takes, after once that is not counted.
fn time<T>(run: impl Fn() -> T) -> f64 {
    black_box(run());
    let (started, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < REPETITIONS || started.elapsed() < BUDGET {
        let start = Instant::now();
        black_box(run());
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
