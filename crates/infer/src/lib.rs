//! Sampling from trained runs: grids, single images, animations, walks between noises, and the forward process to
//! look at.

mod args;
mod cascade;
mod cascade_args;
mod course;
mod dpm;
mod draw;
mod edit;
mod edit_args;
mod forward;
mod latent;
mod plan;
mod points;
mod prompt_args;
mod prompt_draw;
mod prompt_plan;
mod sampler;
mod show;
mod told;
mod upscale;
mod walk;

pub use args::{Args, Ends, Labels};
pub use cascade::CascadeDrawing;
pub use cascade_args::CascadeArgs;
pub use course::Course;
pub use dpm::{DpmPictures, draw_dpm};
pub use draw::{Drawn, MAX_GRID, draw, grid};
pub use edit::Edit;
pub use edit_args::{EditArgs, Method};
pub use forward::{Forward, Row, find_image, forward};
pub use latent::LatentDrawing;
pub use plan::{OwnSampler, Plan};
pub use points::{DrawnPoints, draw_point_walk};
pub use prompt_args::{Precision, PromptArgs, Size};
pub use prompt_draw::draw_prompts;
pub use prompt_plan::PromptPlan;
pub use sampler::Sampler;
pub use show::half_blocks;
pub use told::Prompts;
pub use upscale::Upscaling;
pub use walk::Walk;
