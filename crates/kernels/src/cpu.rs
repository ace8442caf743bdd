//! The kernels, as functions of slices of numbers.

pub mod activation;
pub mod attention;
pub mod bf16;
#[allow(unsafe_code)]
pub mod block;
pub mod convolution;
pub mod direct;
mod exp;
pub mod geglu;
pub mod layer_norm;
pub mod norm;
pub mod pointwise;
pub mod product;
pub mod resample;
pub(crate) mod scratch;
pub mod simd;
#[allow(unsafe_code)]
pub(crate) mod transpose;
pub mod update;
pub mod winograd;
