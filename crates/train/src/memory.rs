use backend::BackendName;
use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use layout::memory_limit;

use crate::error::TrainError;
use crate::system::{System, SystemConfig};

const GIB: f64 = (1u64 << 30) as f64;
/// Bytes of a number.
const NUMBER: f64 = 4.0;
/// Numbers for each parameter: itself, its gradient, its average, the optimizer's two moments, and what is copied of them
/// for a checkpoint.
const COPIES: f64 = 7.0;
/// What an image of a preview keeps, as a share of one of a batch: no gradients are asked for.
const PREVIEW: f64 = 0.25;
/// What blocks keep that are computed again for their gradients, as a share of what they would.
const CHECKPOINTED: f64 = 0.35;

/// What a training takes, computed from its configuration before anything of that size is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingMemory {
    /// Parameters of the network.
    pub parameters: f64,
    /// About how many bytes of memory parameters and activations take.
    pub bytes: f64,
}

impl TrainingMemory {
    /// That of a configuration, for images `[C, H, W]`.
    ///
    /// # Errors
    ///
    /// If the configuration is impossible.
    pub fn of<S: System>(config: &S::Config, image: [usize; 3]) -> Result<Self, TrainError> {
        let mut parameters = Count(0.0);
        S::init(config, &Device::flex())?.visit(&mut parameters);
        let (train, kept) = (config.train(), S::kept_values(config, image));
        let checkpointed = if train.gradient_checkpointing { CHECKPOINTED } else { 1.0 };
        let batch = train.batch_size as f64 * kept * checkpointed;
        let preview = train.sample_images as f64 * kept * PREVIEW;
        let bytes = NUMBER * (COPIES * parameters.0 + batch.max(preview));
        Ok(Self { parameters: parameters.0, bytes })
    }

    /// Refuses what is beyond the memory of this machine, on backends that compute in it.
    ///
    /// # Errors
    ///
    /// If it is; says how much it is and what makes it less.
    pub fn check(&self, backend: BackendName) -> Result<(), TrainError> {
        let here = matches!(backend, BackendName::Flex | BackendName::Ndarray | BackendName::Cpu);
        match memory_limit().map(|there| there as f64).filter(|there| here && self.bytes > *there) {
            Some(there) => Err(TrainError::Memory { needed: self.gib(), there: there / GIB }),
            None => Ok(()),
        }
    }

    /// In GiB.
    pub fn gib(&self) -> f64 {
        self.bytes / GIB
    }

    /// As it is said, in MiB or GiB.
    pub fn text(&self) -> String {
        if self.gib() < 1.0 {
            format!("{:.0} MiB", (1024.0 * self.gib()).max(1.0))
        } else {
            format!("{:.1} GiB", self.gib())
        }
    }
}

/// Parameters, whose values need not be there.
struct Count(f64);
impl ModuleVisitor for Count {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 += param.lazy_shape().iter().map(|&side| side as f64).product::<f64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Objective, RunConfig};

    fn of(text: &str) -> TrainingMemory {
        let text =
            format!("dataset = {{ type = \"digits\" }}\n[model]\nin_channels = 3\nout_channels = 3\n{text}");
        TrainingMemory::of::<Objective>(&toml::from_str::<RunConfig>(&text).unwrap(), [3, 32, 32]).unwrap()
    }

    /// The published network, and one that no machine holds: neither is made.
    #[test]
    fn parameters_are_counted_without_making_them() {
        let published = of("");
        assert_eq!(published.parameters, 35_746_307.0);
        assert!((1.0..20.0).contains(&published.gib()), "{}", published.gib());
        let huge = of("channels = 16384\nchannel_mult = [1, 1024]\nnum_res_blocks = 256");
        assert!(huge.gib() > 1e9 && huge.gib().is_finite(), "{}", huge.gib());
        let error = huge.check(BackendName::Flex).unwrap_err().to_string();
        assert!(error.contains("GiB of memory, and this machine has"), "{error}");
        huge.check(BackendName::Cuda).unwrap();
    }

    #[test]
    fn batches_and_previews_count() {
        let batch = |size: usize| of(&format!("[train]\nbatch_size = {size}\nsample_images = 1")).bytes;
        let step = batch(200) - batch(100);
        assert!(step > 0.0 && ((batch(300) - batch(200)) / step - 1.0).abs() < 1e-9);
        assert!(of("[train]\nbatch_size = 1\nsample_images = 10000").bytes > batch(1));
        let again = of("[train]\nbatch_size = 200\nsample_images = 1\ngradient_checkpointing = true").bytes;
        assert!(again < batch(200));
    }
}
