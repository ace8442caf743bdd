use std::fs;
use std::path::{Path, PathBuf};

use diffusion::Solver;
use serde_json::Value;

use crate::{Call, InteropError, Options, Scheduler, Unsupported};

/// Steps where a folder is sampled without saying how many.
const DEFAULT_STEPS: usize = 50;
/// Timesteps of a chain whose file does not say how many.
const CHAIN: usize = 1000;

/// The scheduler of a model folder with the call that its user makes.
#[derive(Clone, Debug)]
pub struct FolderSampler {
    path: PathBuf,
    class: String,
    options: Options,
    call: Call,
}

impl FolderSampler {
    /// Reads a `scheduler_config.json`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, names no class, or asks for what we do not have.
    pub fn read(path: &Path) -> Result<Self, InteropError> {
        let text = fs::read_to_string(path).map_err(InteropError::io("read", path))?;
        let options = Options::parse(&text).map_err(InteropError::damaged(path))?;
        let unsupported = |Unsupported(reason)| InteropError::Scheduler { path: path.to_path_buf(), reason };
        let class: String = options.get("_class_name", String::new()).map_err(unsupported)?;
        if class.is_empty() {
            return Err(InteropError::damaged(path)("it names no `_class_name`"));
        }
        let length: usize = options.get("num_train_timesteps", CHAIN).map_err(unsupported)?;
        let steps = Some(length.clamp(1, DEFAULT_STEPS));
        let call = Call { num_inference_steps: steps, ..Call::default() };
        let sampler = Self { path: path.to_path_buf(), class, options, call };
        sampler.scheduler()?;
        Ok(sampler)
    }

    /// The same scheduler with options other than its file's; those that its class does not take change nothing.
    ///
    /// # Errors
    ///
    /// If the scheduler cannot have them.
    pub(crate) fn with_options<const N: usize>(
        mut self,
        options: [(&str, Value); N],
    ) -> Result<Self, InteropError> {
        self.options.set(options);
        self.scheduler()?;
        Ok(self)
    }

    /// Another class with the options of this one.
    ///
    /// # Errors
    ///
    /// If that class cannot have them.
    pub(crate) fn of_class(self, class: &str) -> Result<Self, InteropError> {
        let sampler = Self { class: class.to_owned(), ..self };
        sampler.scheduler()?;
        Ok(sampler)
    }

    /// Changes the default number of steps, to that of the chain if it is shorter; a scheduler that cannot make so many keeps
    /// its own.
    pub(crate) fn in_steps(self, steps: usize) -> Self {
        let length = self.options.get("num_train_timesteps", CHAIN).unwrap_or(CHAIN);
        let steps = Some(length.clamp(1, steps));
        self.clone().called(|call| call.num_inference_steps = steps).unwrap_or(self)
    }

    /// The same as the pipelines with a text call it: no noise drawn anew by TCD, whose own default is 0.3.
    pub(crate) fn in_pipeline(mut self) -> Self {
        if self.class == "TCDScheduler" {
            self.call.eta = Some(0.0);
        }
        self
    }

    /// The scheduler's class.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The options of a request that the class uses: those that its `step` takes.
    pub fn options(&self) -> &'static [&'static str] {
        match self.class.as_str() {
            "DDIMScheduler" | "TCDScheduler" => &["eta"],
            _ => &[],
        }
    }

    /// How it is called.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The same scheduler, called otherwise.
    ///
    /// # Errors
    ///
    /// If the scheduler cannot be called so.
    pub fn called(mut self, change: impl FnOnce(&mut Call)) -> Result<Self, InteropError> {
        change(&mut self.call);
        self.scheduler()?;
        Ok(self)
    }

    /// What the class means in our terms, and a solver ready for its first step.
    ///
    /// # Errors
    ///
    /// Names the first option that is not implemented.
    pub fn scheduler(&self) -> Result<(Scheduler, Box<dyn Solver>), InteropError> {
        // Options remember what was read of them.
        Scheduler::new(&self.class, &self.options.clone(), &self.call)
            .map_err(|Unsupported(reason)| InteropError::Scheduler { path: self.path.clone(), reason })
    }
}
