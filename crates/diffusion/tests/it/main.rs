//! Mathematics that is known exactly: every test has a closed form, and none reads a file.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod distilled;
mod edits;
mod exact;
mod learned_variance;
mod likelihood;
mod made_up;
mod orders;
mod robustness;
mod solvers;
mod weak_orders;
