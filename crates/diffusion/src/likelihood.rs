//! How likely a model holds images to be, in bits/dim: the variational bound along a chain, and the exact likelihood of
//! the probability-flow ODE.

mod bound_estimate;
mod bound_tally;
mod dormand_prince;
mod estimate;
mod gaussian;
mod probability_flow;
mod support;
mod variational_bound;

pub use bound_tally::{Bound, BoundTally};
pub use estimate::Estimate;
pub use gaussian::gaussian_kl;
pub use probability_flow::{FlowLikelihood, ProbabilityFlow};
pub use support::Support;
pub use variational_bound::{ReverseAnswer, VariationalBound};
