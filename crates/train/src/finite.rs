use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::TensorReadError;

/// Whether all parameters of a module are numbers: neither NaN nor infinite.
///
/// # Errors
///
/// If the device cannot be read.
pub(crate) fn is_finite<M: Module>(module: &M) -> Result<bool, TensorReadError> {
    let mut sum = SumOfZeros(None);
    module.visit(&mut sum);
    let Some(sum) = sum.0 else { return Ok(true) };
    Ok(sum.try_into_scalar::<f64>()? == 0.0)
}

/// Adds up all numbers times 0, which is NaN for what is no number; nothing is read back on the way.
struct SumOfZeros(Option<Tensor<1>>);
impl ModuleVisitor for SumOfZeros {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let zero = param.val().without_autodiff().mul_scalar(0.0).sum();
        self.0 = Some(match self.0.take() {
            Some(sum) => sum + zero,
            None => zero,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::{Linear, LinearConfig};

    #[test]
    fn one_value_that_is_no_number_is_found() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let layers: Vec<Linear> = (0..3).map(|_| LinearConfig::new(3, 5).init(&device)).collect();
            assert!(is_finite(&layers).unwrap());
            for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut layers = layers.clone();
                let bias = Tensor::<1>::from_floats([0.0, 1e30, wrong, -1e30, f32::MAX], &device);
                layers[1].bias = Some(Param::from_tensor(bias));
                assert!(!is_finite(&layers).unwrap(), "{wrong}");
            }
            let mut large = layers;
            large[2].bias = Some(Param::from_tensor(Tensor::<1>::full([5], f32::MAX, &device)));
            assert!(is_finite(&large).unwrap());
        }
    }
}
