use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;

/// The norm of all gradients together, `[1]`, and the gradients scaled down to at most `max` (0 leaves them).
///
/// Burn's own clipping by norm is per parameter; this is the usual one (Pascanu et al. 2013). It stays on the
/// device: nothing is read back.
pub fn clip_global_norm<M: Module>(
    module: &M,
    mut gradients: GradientsParams,
    max: f64,
) -> (Tensor<1>, GradientsParams) {
    let mut squares = SumOfSquares { gradients: &gradients, sum: None };
    module.visit(&mut squares);
    let device = module.devices().into_iter().next().unwrap_or_default().inner();
    let norm = squares.sum.unwrap_or_else(|| Tensor::zeros([1], &device)).sqrt();
    if max > 0.0 {
        let factor = (norm.clone() + 1e-6).recip().mul_scalar(max).clamp_max(1.0);
        module.visit(&mut Scale { gradients: &mut gradients, factor });
    }
    (norm, gradients)
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}
impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = kernels::sum_of_squares(gradient);
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<1>,
}
impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, kernels::scale(gradient, self.factor.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};

    fn gradients_of(linear: &Linear) -> GradientsParams {
        let x = Tensor::<2>::from_data([[3.0, 4.0]], &linear.weight.val().device());
        GradientsParams::from_grads(linear.forward(x).sum().backward(), linear)
    }

    /// d(sum)/dW has entries 3 and 4 once per output, d/db ones: norm^2 = 2 (9 + 16) + 2.
    #[test]
    fn the_norm_is_over_all_parameters_and_clipped_to_the_bound() {
        let linear = LinearConfig::new(2, 2).init(&Device::flex().autodiff());
        let (norm, kept) = clip_global_norm(&linear, gradients_of(&linear), 0.0);
        assert!((norm.into_scalar::<f64>() - 52f64.sqrt()).abs() < 1e-5);
        let (again, _) = clip_global_norm(&linear, kept, 1.0);
        assert!((again.into_scalar::<f64>() - 52f64.sqrt()).abs() < 1e-5);
        let (_, clipped) = clip_global_norm(&linear, gradients_of(&linear), 1.0);
        let (clipped, _) = clip_global_norm(&linear, clipped, 0.0);
        assert!((clipped.into_scalar::<f64>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn small_gradients_are_left_alone() {
        let linear = LinearConfig::new(2, 2).init(&Device::flex().autodiff());
        let (_, same) = clip_global_norm(&linear, gradients_of(&linear), 100.0);
        let weight = same.get::<2>(linear.weight.id).unwrap().try_into_vec_as::<f32>().unwrap();
        assert_eq!(weight, [3.0, 3.0, 4.0, 4.0]);
    }
}
