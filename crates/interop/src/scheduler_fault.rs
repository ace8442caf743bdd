//! Where the library's own answer is not right; docs/conformance.md has the table.

use schedules::{Grid, Schedule};

use crate::Scheduler;
use crate::scheduler::Call;
use crate::scheduler_options::{Options, Unsupported};

/// How far single precision may put a level astray.
const ASTRAY: f64 = 1e-4;

/// Why the library's own answer is not right, if so.
pub(crate) fn fault(
    class: &str,
    options: &Options,
    call: &Call,
    grid: &Grid,
    prediction: &str,
) -> Result<Option<String>, Unsupported> {
    let reason = match class {
        "PNDMScheduler" => pndm(options, grid, prediction)?,
        "DDPMScheduler" => ddpm(options, grid)?,
        "DPMSolverMultistepScheduler" => multistep(options)?,
        "UniPCMultistepScheduler" => unipc(options, grid)?,
        "EDMEulerScheduler" | "EDMDPMSolverMultistepScheduler" => edm(options, grid)?,
        "KDPM2AncestralDiscreteScheduler" => kdpm2_ancestral(grid),
        "EulerDiscreteScheduler" if churns(call) && prediction == "v_prediction" => {
            Some("churn: the clean image is made of v with the sigma before it")
        }
        "FlowMatchHeunDiscreteScheduler" if churns(call) => {
            Some("churn raises the noise of a flow and leaves its signal")
        }
        _ => None,
    };
    Ok(reason.map(str::to_owned))
}

/// The same of a walk that begins on the way.
pub(crate) fn fault_of_the_rest(class: &str, scheduler: &Scheduler) -> Option<&'static str> {
    match class {
        "LMSDiscreteScheduler" => Some("LMS, begun on the way, weighs slopes that it has not seen"),
        "PNDMScheduler" if scheduler.runge_kutta => {
            Some("a Runge-Kutta warm-up, begun on the way, makes the steps of the walk's beginning")
        }
        _ => None,
    }
}

fn churns(call: &Call) -> bool {
    call.s_churn.is_some_and(|amount| amount > 0.0)
}

fn pndm(options: &Options, grid: &Grid, prediction: &str) -> Result<Option<&'static str>, Unsupported> {
    let warms_up = !options.get("skip_prk_steps", false)?;
    Ok(if prediction == "v_prediction" {
        Some("PNDM extrapolates v as if it stood still on a step, as noise does")
    } else if !one_stride(grid) {
        Some("PNDM takes all timesteps to be one stride apart")
    } else if warms_up && odd_stride(grid) {
        Some("half of an odd stride: the warm-up's image and its network are one timestep apart")
    } else {
        None
    })
}

/// Whether PNDM's walk goes down in equal and even strides.
fn one_stride(grid: &Grid) -> bool {
    let visits = grid.visits();
    let length = grid.curve().chain().map_or(0, Schedule::num_train_timesteps);
    let stride = (length / visits.len().max(1)) as f64;
    visits.windows(2).all(|pair| pair[0].timestep - pair[1].timestep == stride)
}

fn odd_stride(grid: &Grid) -> bool {
    let visits = grid.visits();
    visits.len() > 1 && (visits[0].timestep - visits[1].timestep) % 2.0 != 0.0
}

fn ddpm(options: &Options, grid: &Grid) -> Result<Option<&'static str>, Unsupported> {
    let variance: String = options.get("variance_type", String::new())?;
    let last = grid.visits().last().map_or(0.0, |visit| visit.timestep);
    Ok(match variance.as_str() {
        "fixed_large_log" => Some("fixed_large_log takes a logarithm for a variance"),
        "fixed_large" | "learned" | "learned_range" if last > 0.0 => {
            Some("the step to the clean image draws noise where it does not begin at timestep 0")
        }
        _ => None,
    })
}

fn multistep(options: &Options) -> Result<Option<&'static str>, Unsupported> {
    let algorithm: String = options.get("algorithm_type", String::new())?;
    let third = options.get("solver_order", 2)? == 3;
    Ok((algorithm == "sde-dpmsolver++" && third)
        .then_some("the curvature's weight has the wrong sign, so that it does not vanish with the step"))
}

fn unipc(options: &Options, grid: &Grid) -> Result<Option<&'static str>, Unsupported> {
    let solver_type: String = options.get("solver_type", String::new())?;
    let ends_clean = grid.levels().last().is_some_and(|level| level.sigma == 0.0);
    Ok((solver_type == "bh1" && ends_clean)
        .then_some("bh1 multiplies an infinite B(h) by zero in the step to sigma 0"))
}

fn edm(options: &Options, grid: &Grid) -> Result<Option<&'static str>, Unsupported> {
    let schedule: String = options.get("sigma_schedule", String::new())?;
    Ok((schedule == "exponential" && grid.visits().len() == 1)
        .then_some("one step of exponential sigmas begins at sigma_min, with the noise of sigma_max"))
}

/// The class makes the sigma that a step keeps of a difference of squares. In single precision nothing of it is right where
/// the noise falls a thousandfold.
fn kdpm2_ancestral(grid: &Grid) -> Option<&'static str> {
    let sigmas: Vec<f32> = grid.levels().iter().map(|level| level.ratio() as f32).collect();
    let astray = sigmas.windows(2).any(|pair| {
        let (from, to) = (pair[0] * pair[0], pair[1] * pair[1]);
        let drawn = (to * (from - to) / from).sqrt();
        let kept = (to - drawn * drawn).sqrt();
        // Of levels in double precision it is to^2 / from.
        let exact = to / pair[0];
        f64::from((kept - exact).abs()) > ASTRAY * f64::from(exact)
    });
    astray.then_some("the sigma kept by a step is a difference of squares, which cancels in single precision")
}
