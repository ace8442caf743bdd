//! The network's hot operations.
//!
//! On CPUs, that is on Burn's flex backend in f32, they are this crate's own kernels ([`cpu`]), with gradients of their
//! own; on any other device they are made of Burn's operations.

mod activation;
mod attention;
mod conv;
pub mod cpu;
mod finite;
mod geglu;
mod graph;
mod layer_norm;
mod norm;
mod operations;
mod pool;
mod project;
mod recompute;
mod resample;
mod update;

pub use activation::{leaky_relu, softplus};
pub use attention::{attention, biased_attention};
pub use conv::conv2d;
pub use cpu::bf16::is_in_hardware as has_bf16;
pub use cpu::simd::round_to_bf16;
pub use cpu::transpose::transposed;
pub use finite::all_finite;
pub use geglu::geglu;
pub use layer_norm::layer_norm;
pub use norm::{bias_group_norm_silu, group_norm, group_norm_modulate_silu, group_norm_silu};
pub use operations::count_operations;
pub use pool::{PoolError, inside_pool};
pub use project::project;
pub use recompute::recomputed;
pub use resample::{mean_pool2d, upsample_nearest2d};
pub use update::{AdamW, adam_w, blend, scale, sum_of_squares};
