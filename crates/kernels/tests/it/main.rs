//! Kernels against f64, against Burn's operations, and against themselves on other instruction sets and threads.
#![allow(clippy::unwrap_used)]

mod activation;
mod attention;
mod bf16;
mod burn_operations;
mod close;
mod convolution;
mod normalization;
mod transformer;
