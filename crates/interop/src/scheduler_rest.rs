use burn::tensor::Tensor;
use diffusion::{Denoiser, DiffusionError, Ipndm, Prediction, Solver, Stage};
use schedules::NoiseLevel;

use crate::Scheduler;
use crate::scheduler_table::reported_timesteps;

/// A solver and the levels that it walks.
pub(crate) struct Walk {
    pub(crate) solver: Box<dyn Solver>,
    pub(crate) levels: Vec<NoiseLevel>,
}

/// What remains of a class's walk without its first steps, as the reference library's pipelines begin it on the way.
pub(crate) fn rest(class: &str, scheduler: &Scheduler, walk: Walk, left_out: usize) -> Walk {
    match scheduler.chain() {
        Some(chain) if class == "PNDMScheduler" && !scheduler.runge_kutta && left_out > 0 => {
            let stride = chain.num_train_timesteps() / scheduler.grid.visits().len().max(1);
            let end = scheduler.grid.levels().last().copied().unwrap_or(NoiseLevel::CLEAN);
            let last = chain.num_train_timesteps() - 1;
            let below = |t: usize| t.checked_sub(stride).map_or(end, |t| chain.level(t));
            let timesteps = reported_timesteps(class, scheduler).into_iter().skip(left_out);
            let timesteps: Vec<usize> = timesteps.map(|t| t as usize).collect();
            let steps = timesteps.iter().enumerate().map(|(index, &t)| match index {
                1 => [chain.level((t + stride).min(last)), chain.level(t)],
                _ => [chain.level(t), below(t)],
            });
            let levels = timesteps.iter().map(|&t| chain.level(t)).chain([end]).collect();
            Walk { solver: Box::new(LatePndm::new(steps.collect())), levels }
        }
        _ => {
            let levels = walk.levels[left_out..].to_vec();
            Walk { solver: Box::new(Counted { solver: walk.solver, left_out }), levels }
        }
    }
}

/// A solver that counts its steps as if the whole walk were made: where blocks begin and what counts for a short walk are
/// that walk's.
struct Counted {
    solver: Box<dyn Solver>,
    left_out: usize,
}

impl Solver for Counted {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let (index, total) = (stage.index + self.left_out, stage.total + self.left_out);
        self.solver.step(denoiser, x, Stage { index, total, ..stage }, noise)
    }
}

/// PNDM begun on the way, one evaluation a step, with the reference library's habits: its list holds the second timestep
/// twice, for the warm-up, and the walk begins one place later in it. So the second evaluation is taken for the warm-up's,
/// whichever timestep it has, and all images after it for those of one stride below.
struct LatePndm {
    /// From where to where each step leads.
    steps: Vec<[NoiseLevel; 2]>,
    history: Ipndm,
    /// The image that was begun with, and its noise.
    begun: Option<(Tensor<4>, Tensor<4>)>,
}

impl LatePndm {
    fn new(steps: Vec<[NoiseLevel; 2]>) -> Self {
        Self { steps, history: Ipndm::default(), begun: None }
    }
}

impl Solver for LatePndm {
    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        x: Tensor<4>,
        stage: Stage,
        noise: &mut dyn FnMut() -> Tensor<4>,
    ) -> Result<(Tensor<4>, Tensor<4>), DiffusionError> {
        let prediction = denoiser.denoise(x.clone(), stage.from)?;
        let [from, to] = self.steps.get(stage.index).copied().unwrap_or([stage.from, stage.to]);
        if stage.index == 0 {
            self.begun = Some((x.clone(), prediction.eps.clone()));
        }
        match self.begun.take_if(|_| stage.index == 1) {
            Some((x, eps)) => {
                let mean = Prediction { eps: (prediction.eps + eps) / 2.0, ..prediction };
                Ipndm::default().step(&Answered(mean), x, Stage { from, to, index: 0, total: 1 }, noise)
            }
            None => self.history.step(&Answered(prediction), x, Stage { from, to, ..stage }, noise),
        }
    }
}

/// An answer that is there already.
struct Answered(Prediction);

impl Denoiser for Answered {
    fn denoise(&self, _: Tensor<4>, _: NoiseLevel) -> Result<Prediction, DiffusionError> {
        Ok(self.0.clone())
    }
}
