//! Which levels each class of the library visits.

use schedules::{Grid, NoiseLevel};

use crate::scheduler::Call;
use crate::scheduler_chain as chains;
use crate::scheduler_continuous::{edm_grid, flow_grid, ipndm_grid};
use crate::scheduler_dpm_grid::{DpmFamily, dpm_grid};
use crate::scheduler_k_grid::k_grid;
use crate::scheduler_options::{Options, Unsupported};
use crate::scheduler_walk::{chain_walk, inverse_dpm_walk};

/// A grid, and where the steps land where that is not the next visited level.
pub(crate) type Walk = (Grid, Option<Vec<NoiseLevel>>);

/// The levels that a class visits.
pub(crate) fn grid(class: &str, options: &Options, call: &Call) -> Result<Walk, Unsupported> {
    let whole = |grid| Ok((grid, None));
    match class {
        "DDIMScheduler"
        | "DDPMScheduler"
        | "PNDMScheduler"
        | "LCMScheduler"
        | "TCDScheduler"
        | "DDIMInverseScheduler" => chain_walk(class, options, call),
        "EulerDiscreteScheduler" | "EulerAncestralDiscreteScheduler" | "LMSDiscreteScheduler" => {
            whole(k_grid(options, chains::chain(options, chains::DDPM, true)?, call, false)?)
        }
        "HeunDiscreteScheduler"
        | "KDPM2DiscreteScheduler"
        | "KDPM2AncestralDiscreteScheduler"
        | "DPMSolverSDEScheduler" => {
            let chain = chains::chain(options, chains::K_SECOND_ORDER, true)?;
            whole(k_grid(options, chain, call, class.starts_with("KDPM2"))?)
        }
        "DPMSolverMultistepScheduler"
        | "DPMSolverSinglestepScheduler"
        | "DEISMultistepScheduler"
        | "UniPCMultistepScheduler" => {
            let family = DpmFamily {
                ends_above_zero: class.starts_with("DEIS"),
                cosine_unrounded: class.starts_with("DPMSolverMultistep"),
                always_linspace: class.starts_with("DPMSolverSinglestep"),
                flows_from_noise: class.starts_with("UniPC"),
            };
            whole(dpm_grid(options, chains::chain(options, chains::DDPM, true)?, call, family)?)
        }
        "DPMSolverMultistepInverseScheduler" => inverse_dpm_walk(options, call),
        "FlowMatchEulerDiscreteScheduler" | "FlowMatchHeunDiscreteScheduler" | "FlowMatchLCMScheduler" => {
            whole(flow_grid(options, call)?)
        }
        "EDMEulerScheduler" | "EDMDPMSolverMultistepScheduler" => whole(edm_grid(options, call)?),
        "IPNDMScheduler" => whole(ipndm_grid(call)?),
        _ => Err(Unsupported(format!("there is no counterpart of {class}"))),
    }
}
