use burn::tensor::Tensor;
use diffusion::{Denoiser, DiffusionError, Solver, Stage};
use schedules::NoiseLevel;

/// A solver whose steps land where those of the library do.
///
/// DDIM steps down by one stride whichever timestep comes next: where the steps do not divide the chain, that is another.
pub(crate) struct Landing {
    solver: Box<dyn Solver>,
    levels: Vec<NoiseLevel>,
    arrivals: Vec<NoiseLevel>,
}

impl Landing {
    /// `arrivals` are those of the steps from each of the `levels` but the last.
    pub(crate) fn of(
        solver: Box<dyn Solver>,
        levels: Vec<NoiseLevel>,
        arrivals: Option<Vec<NoiseLevel>>,
    ) -> Box<dyn Solver> {
        match arrivals {
            Some(arrivals) if arrivals[..] != levels[1..] => Box::new(Self { solver, levels, arrivals }),
            _ => solver,
        }
    }
}

impl Solver for Landing {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let here = self.levels.windows(2).position(|pair| [stage.from, stage.to] == pair);
        let to = here.map_or(stage.to, |index| self.arrivals[index]);
        self.solver.step(denoiser, x, Stage { to, ..stage }, noise)
    }
}
