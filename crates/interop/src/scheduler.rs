use diffusion::{Limit, Parameterization, Solver, VarianceOutput};
use schedules::{Grid, NoiseLevel, Schedule};
use serde::Deserialize;

use crate::scheduler_landing::Landing;
use crate::scheduler_options::{Options, Unsupported};
use crate::{scheduler_fault, scheduler_grid, scheduler_ranges, scheduler_solver, scheduler_spellings};

/// No walk is longer, so that its levels fit into any memory.
const MAX_STEPS: usize = 100_000;

/// How a scheduler is called: the arguments of `set_timesteps` and of `step`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Call {
    /// How many steps, where no list is given.
    pub num_inference_steps: Option<usize>,
    /// The timesteps to visit.
    pub timesteps: Option<Vec<f64>>,
    /// The sigmas to visit, the last one the end where the class takes it so.
    pub sigmas: Option<Vec<f64>>,
    /// Dynamic shift of a flow.
    pub mu: Option<f64>,
    /// Timesteps that a distilled model knows.
    pub original_inference_steps: Option<usize>,
    /// The share of the distilled timesteps, from the lowest, that an image is changed at.
    pub strength: Option<f64>,
    /// Noise drawn anew.
    pub eta: Option<f64>,
    /// Whether the noise follows a clipped image.
    pub use_clipped_model_output: bool,
    /// Order of LMS.
    pub order: Option<usize>,
    /// Churn.
    pub s_churn: Option<f64>,
    /// Lowest sigma of churn.
    pub s_tmin: Option<f64>,
    /// Highest sigma of churn.
    pub s_tmax: Option<f64>,
    /// Deviation of noise.
    pub s_noise: Option<f64>,
}

impl Call {
    pub(crate) fn steps(&self) -> Result<usize, Unsupported> {
        match self.num_inference_steps {
            Some(steps) if steps > MAX_STEPS => {
                Err(Unsupported(format!("{steps} steps: at most {MAX_STEPS}")))
            }
            Some(steps) if steps > 0 => Ok(steps),
            _ => Err(Unsupported("no number of steps".into())),
        }
    }
}

/// A scheduler class of the library, taken apart.
pub struct Scheduler {
    /// The levels visited, and what the network is told.
    pub grid: Grid,
    /// What the network predicts.
    pub parameterization: Parameterization,
    /// Whether the network's output has the other sign.
    pub negated: bool,
    /// How the clean image is limited, and whether the noise stays as it was.
    pub limit: Option<(Limit, bool)>,
    /// What the second half of the network's channels means.
    pub variance: Option<VarianceOutput>,
    /// What timesteps are multiplied by in a consistency function's boundary.
    pub boundary: Option<f64>,
    /// What unit noise is multiplied by to start.
    pub init_noise_sigma: f64,
    /// Whether PNDM warms up by Runge-Kutta steps.
    pub runge_kutta: bool,
    /// Whether the library evaluates the network before it churns.
    pub churns_late: bool,
    /// Whether steps evaluate the network between two visits, where it is told the timestep that the curve has there.
    pub asks_between: bool,
    /// Why the library's own answer is not right, if so.
    pub fault: Option<String>,
}

impl Scheduler {
    /// The trained chain, where there is one.
    pub fn chain(&self) -> Option<&Schedule> {
        self.grid.curve().chain()
    }

    /// The level of images noised for training at a timestep, in the coordinate of the walk.
    pub fn level(&self, timestep: f64) -> NoiseLevel {
        let visited = self.grid.visits().iter().find(|visit| (visit.timestep - timestep).abs() < 1e-4);
        visited.map_or_else(|| self.grid.curve().level(timestep), |visit| visit.level)
    }

    /// Takes a class with its options apart.
    ///
    /// # Errors
    ///
    /// Names the first option that is out of its range or not implemented.
    pub fn new(class: &str, options: &Options, call: &Call) -> Result<(Self, Box<dyn Solver>), Unsupported> {
        let options = &options.of_class(class);
        scheduler_spellings::check(class, options)?;
        scheduler_ranges::check(options)?;
        let empty = |list: &Option<Vec<f64>>| list.as_ref().is_some_and(Vec::is_empty);
        if empty(&call.timesteps) || empty(&call.sigmas) {
            return Err(Unsupported("an empty list of timesteps or sigmas".into()));
        }
        let (grid, arrivals) = scheduler_grid::grid(class, options, call)?;
        let solver = scheduler_solver::solver(class, options, call, &grid)?;
        let solver = Landing::of(solver, grid.levels(), arrivals);
        let prediction: String = options.get("prediction_type", default_prediction(class).to_owned())?;
        let parameterization = parameterization(class, &prediction, options)?;
        let boundary = match class {
            "LCMScheduler" => Some(options.get("timestep_scaling", 10.0)?),
            _ => None,
        };
        let scheduler = Self {
            init_noise_sigma: init_noise_sigma(class, options, &grid)?,
            fault: scheduler_fault::fault(class, options, call, &grid, &prediction)?,
            grid,
            parameterization,
            negated: class.starts_with("EDM") && prediction == "v_prediction",
            limit: limit(class, options, call)?,
            variance: variance(options)?,
            boundary,
            runge_kutta: class == "PNDMScheduler" && !options.get("skip_prk_steps", false)?,
            asks_between: class.starts_with("KDPM2"),
            churns_late: call.s_churn.is_some_and(|amount| amount > 0.0),
        };
        ignore_what_changes_nothing(class, options);
        options.all_read()?;
        Ok((scheduler, solver))
    }
}

fn ignore_what_changes_nothing(class: &str, options: &Options) {
    options.ignore(&[
        "base_image_seq_len",
        "base_shift",
        "max_image_seq_len",
        "max_shift",
        "noise_sampler_seed",
        "dynamic_thresholding_ratio",
        "sample_max_value",
        "clip_sample_range",
        "time_shift_type",
        "upscale_mode",
        "flow_shift",
        "set_alpha_to_one",
        "num_train_timesteps",
        // Where the call lists timesteps or sigmas, the spacing is not used.
        "timestep_spacing",
        "steps_offset",
        "interpolation_type",
        "timestep_type",
        "final_sigmas_type",
        "timestep_scaling",
        "original_inference_steps",
    ]);
    match class {
        // The classes take these options and do not use them.
        "TCDScheduler" => options.ignore(&["clip_sample", "thresholding"]),
        "IPNDMScheduler" | "EDMEulerScheduler" => options.ignore(&["trained_betas"]),
        _ => {}
    }
}

fn default_prediction(class: &str) -> &'static str {
    if class.starts_with("FlowMatch") { "flow_prediction" } else { "epsilon" }
}

fn parameterization(
    class: &str,
    prediction: &str,
    options: &Options,
) -> Result<Parameterization, Unsupported> {
    if class.starts_with("EDM") {
        return Ok(Parameterization::Edm { sigma_data: options.get("sigma_data", 0.5)? });
    }
    Ok(match (class, prediction) {
        ("IPNDMScheduler", _) | (_, "v_prediction") => Parameterization::V,
        (_, "epsilon") => Parameterization::Eps,
        (_, "sample" | "original_sample") => Parameterization::X0,
        (_, "flow_prediction") => Parameterization::Flow,
        _ => return Err(Unsupported(format!("prediction_type = {prediction}"))),
    })
}

fn limit(class: &str, options: &Options, call: &Call) -> Result<Option<(Limit, bool)>, Unsupported> {
    if class == "TCDScheduler" {
        return Ok(None);
    }
    // The noise of DDIM stays that of the network; what the other classes keep of it follows the image.
    let keep_eps = class.starts_with("DDIM") && !call.use_clipped_model_output;
    if options.get("thresholding", false)? {
        let ratio = options.get("dynamic_thresholding_ratio", 0.995)?;
        let max = options.get("sample_max_value", 1.0)?;
        // The dynamic threshold takes its place.
        options.ignore(&["clip_sample"]);
        return Ok(Some((Limit::Dynamic { ratio, max }, keep_eps)));
    }
    let default =
        matches!(class, "DDIMScheduler" | "DDIMInverseScheduler" | "DDPMScheduler" | "RePaintScheduler");
    if options.get("clip_sample", default)? {
        let range = options.get("clip_sample_range", 1.0)?;
        return Ok(Some((Limit::Clip { range }, keep_eps)));
    }
    Ok(None)
}

fn variance(options: &Options) -> Result<Option<VarianceOutput>, Unsupported> {
    Ok(match options.find::<String>("variance_type")?.as_deref() {
        Some("learned") => Some(VarianceOutput::Direct),
        Some("learned_range") => Some(VarianceOutput::Range),
        _ => None,
    })
}

fn init_noise_sigma(class: &str, options: &Options, grid: &Grid) -> Result<f64, Unsupported> {
    let sigma = grid.visits().iter().map(|visit| visit.level.ratio()).fold(0.0, f64::max);
    let k_family = ["Euler", "EulerAncestral", "LMS", "Heun", "KDPM2", "DPMSolverSDE"];
    if class.starts_with("EDM") {
        return Ok(options.get("sigma_max", 80.0f64)?.hypot(1.0));
    }
    if !k_family.iter().any(|name| class.starts_with(name)) {
        return Ok(1.0);
    }
    let spacing: String = options.get("timestep_spacing", "linspace".to_owned())?;
    Ok(if spacing == "leading" { sigma.hypot(1.0) } else { sigma })
}
