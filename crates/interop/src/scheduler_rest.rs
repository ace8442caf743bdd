use burn::tensor::Tensor;
use diffusion::{Denoiser, DiffusionError, Ipndm, Prediction, Solver, Stage};
use schedules::{NoiseLevel, Schedule};

use crate::Scheduler;
use crate::scheduler_table::reported_timesteps;

/// A solver and the levels that it walks.
pub(crate) struct Trajectory {
    pub(crate) solver: Box<dyn Solver>,
    pub(crate) levels: Vec<NoiseLevel>,
}

/// Leaves out the first steps of a class's walk, as the reference library's pipelines do.
pub(crate) fn remaining(class: &str, scheduler: &Scheduler, walk: Trajectory, left_out: usize) -> Trajectory {
    let levels = walk.levels[left_out..].to_vec();
    match (class, scheduler.chain()) {
        ("PNDMScheduler", Some(chain)) if !scheduler.runge_kutta && left_out > 0 => {
            late_pndm(scheduler, chain, left_out)
        }
        // The warm-up belongs to the first steps that are taken.
        ("PNDMScheduler", _) => Trajectory { levels, ..walk },
        _ => Trajectory { solver: Box::new(Counted { solver: walk.solver, left_out }), levels },
    }
}

fn late_pndm(scheduler: &Scheduler, chain: &Schedule, left_out: usize) -> Trajectory {
    let (length, visits) = (chain.num_train_timesteps(), scheduler.grid.visits().len());
    let stride = length / visits.max(1);
    let end = scheduler.grid.levels().last().copied().unwrap_or(NoiseLevel::CLEAN);
    let below = |t: usize| t.checked_sub(stride).map_or(end, |t| chain.level(t));
    let timesteps = reported_timesteps("PNDMScheduler", scheduler).into_iter().skip(left_out);
    let timesteps: Vec<usize> = timesteps.map(|t| t as usize).collect();
    let steps = timesteps.iter().enumerate().map(|(index, &t)| match index {
        1 => [chain.level((t + stride).min(length - 1)), chain.level(t)],
        _ => [chain.level(t), below(t)],
    });
    let levels = timesteps.iter().map(|&t| chain.level(t)).chain([end]).collect();
    Trajectory { solver: Box::new(LatePndm::new(steps.collect())), levels }
}

/// Counts a solver's steps from the beginning of the whole walk, which decides where blocks of levels begin and whether the walk
/// is a short one.
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

/// PNDM begun on the way, one evaluation a step, as in the reference library.
///
/// Its list of timesteps holds the second one twice, for the warm-up, but a walk that begins later in the list has no timestep
/// twice. Its second evaluation still ends the warm-up, and all later images are taken to be one stride lower than they are.
struct LatePndm {
    /// The levels that each step leads from and to.
    steps: Vec<[NoiseLevel; 2]>,
    history: Ipndm,
    /// The first image and its predicted noise.
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
