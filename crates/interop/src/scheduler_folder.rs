use std::fs;
use std::path::{Path, PathBuf};

use diffusion::Solver;

use crate::{Call, InteropError, Options, Scheduler, Unsupported};

/// Steps where a folder is sampled without saying how many.
const DEFAULT_STEPS: usize = 50;

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
        let length: usize = options.get("num_train_timesteps", 1000).map_err(unsupported)?;
        let steps = Some(length.clamp(1, DEFAULT_STEPS));
        let call = Call { num_inference_steps: steps, ..Call::default() };
        let sampler = Self { path: path.to_path_buf(), class, options, call };
        sampler.scheduler()?;
        Ok(sampler)
    }

    /// The scheduler's class.
    pub fn class(&self) -> &str {
        &self.class
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
