use std::any::Any;
use std::collections::VecDeque;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::prelude::*;

/// A copy that the optimizer leaves alone: no gradients, and parameter ids of its own.
pub fn frozen_copy<M: Module>(module: &M) -> M {
    module.clone().map(&mut Freeze)
}

/// Gives the parameters the ids `first..` in their order, so that checkpoints of equal runs are equal files.
pub fn number_params<M: Module>(module: M, first: u64) -> M {
    module.map(&mut Number(first))
}

/// `ema <- decay ema + (1 - decay) module`, parameter by parameter in the order of the module.
pub fn ema_update<M: Module>(ema: M, module: &M, decay: f64) -> M {
    let mut collect = Collect(VecDeque::new());
    module.visit(&mut collect);
    ema.map(&mut Blend { latest: collect.0, decay })
}

/// The decay at a step: `decay`, but less at first, so that the random weights of the start are soon forgotten.
pub fn ema_decay_at(step: u64, decay: f64) -> f64 {
    let step = step as f64;
    decay.min((1.0 + step) / (10.0 + step))
}

struct Number(u64);
impl ModuleMapper for Number {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (_, value, mapper) = param.consume();
        self.0 += 1;
        Param::from_mapped_value(ParamId::from(self.0 - 1), value, mapper)
    }
}

struct Freeze;
impl ModuleMapper for Freeze {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (_, value, mapper) = param.consume();
        Param::from_mapped_value(ParamId::new(), value.detach(), mapper).set_require_grad(false)
    }
}

struct Collect(VecDeque<Box<dyn Any>>);
impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(Box::new(param.val().inner()));
    }
}

struct Blend {
    latest: VecDeque<Box<dyn Any>>,
    decay: f64,
}
impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let latest = self.latest.pop_front().and_then(|value| value.downcast::<Tensor<D>>().ok());
        let Some(latest) = latest else {
            unreachable!("both modules have the same parameters in the same order")
        };
        param.map(|value| {
            let checkpointing = value.gradient_checkpointing_strategy();
            let blended = kernels::blend(value.inner(), *latest, self.decay);
            match checkpointing {
                Some(strategy) => blended.autodiff().with_gradient_checkpointing_strategy(strategy),
                None => blended,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};

    fn constant(value: f64) -> Linear {
        struct Fill(f64);
        impl ModuleMapper for Fill {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                param.map(|tensor| tensor.full_like(self.0))
            }
        }
        LinearConfig::new(2, 2).init(&Device::flex().autodiff()).map(&mut Fill(value))
    }

    /// For constant weights w and a start of e: after n updates, `w + (e - w) decay^n`.
    #[test]
    fn constant_weights_follow_the_closed_form() {
        let (start, weights, decay) = (1.0, 3.0, 0.9);
        let mut ema = frozen_copy(&constant(start));
        for _ in 0..20 {
            ema = ema_update(ema, &constant(weights), decay);
        }
        let expected = weights + (start - weights) * decay.powi(20);
        let value = ema.weight.val().mean().into_scalar::<f64>();
        assert!((value - expected).abs() < 1e-5, "{value} is not {expected}");
    }

    #[test]
    fn the_copy_has_its_own_ids_and_no_gradients() {
        let module = constant(1.0);
        let copy = frozen_copy(&module);
        assert_ne!(module.weight.id, copy.weight.id);
        assert!(!copy.weight.val().is_require_grad());
    }

    #[test]
    fn warm_up_starts_low_and_ends_at_the_decay() {
        assert_eq!(ema_decay_at(0, 0.999), 0.1);
        assert_eq!(ema_decay_at(90, 0.999), 0.91);
        assert_eq!(ema_decay_at(1_000_000, 0.999), 0.999);
    }
}
