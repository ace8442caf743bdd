use burn::tensor::{Bool, DType, Device, Int, Tensor};

/// What is added to the products of a query with keys that it must not see. The least number there is, not infinity: a
/// query that may see nothing sees everything alike, as in the reference library.
fn least(dtype: DType) -> f64 {
    dtype.finfo().map_or(f64::from(f32::MIN), |info| info.min)
}

/// Hides padding.
///
/// # Shapes
///
/// - `mask`: `[B, T]`, 1 for a token and 0 for padding
/// - output: `[B, 1, 1, T]`
pub(crate) fn padding_bias(mask: Tensor<2, Int>, dtype: DType) -> Tensor<4> {
    let [batch, length] = mask.dims();
    hide(mask.equal_scalar(0).reshape([batch, 1, 1, length]), dtype)
}

/// Hides what comes after a position, and padding.
///
/// # Shapes
///
/// - `mask`: `[B, T]`, 1 for a token and 0 for padding
/// - output: `[B, 1, T, T]`, B being 1 without a mask
pub(crate) fn causal_bias(
    mask: Option<Tensor<2, Int>>,
    length: usize,
    device: &Device,
    dtype: DType,
) -> Tensor<4> {
    let positions = Tensor::<1, Int>::arange(0..length as i64, device);
    let (keys, queries) = (positions.clone().reshape([1, length]), positions.reshape([length, 1]));
    let later = keys.greater(queries).reshape([1, 1, length, length]);
    let hidden = match mask {
        Some(mask) => {
            let [batch, _] = mask.dims();
            let padding = mask.equal_scalar(0).reshape([batch, 1, 1, length]);
            later.expand([batch, 1, length, length]).bool_or(padding.expand([batch, 1, length, length]))
        }
        None => later,
    };
    hide(hidden, dtype)
}

fn hide(hidden: Tensor<4, Bool>, dtype: DType) -> Tensor<4> {
    Tensor::<4>::zeros(hidden.dims(), (&hidden.device(), dtype)).mask_fill(hidden, least(dtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A softmax of nothing but infinities would be no number.
    #[test]
    fn what_is_hidden_is_finite_in_every_type() {
        for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
            let bias = causal_bias(None, 2, &Device::flex(), dtype);
            assert_eq!(bias.dtype(), dtype);
            let values: Vec<f64> = bias.cast(DType::F64).into_data().iter::<f64>().collect();
            assert!(values[1] < -6e4 && values[1].is_finite(), "{values:?} in {dtype:?}");
            assert_eq!([values[0], values[2], values[3]], [0.0; 3]);
        }
    }
}
