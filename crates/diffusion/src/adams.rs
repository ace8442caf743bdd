/// Weights of the last `n` slopes, newest first, of the Adams-Bashforth method for equal steps.
pub(crate) fn adams_bashforth(n: usize) -> &'static [f64] {
    match n {
        0 | 1 => &[1.0],
        2 => &[3.0 / 2.0, -1.0 / 2.0],
        3 => &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
        _ => &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
    }
}

/// Weights of slopes known at `nodes`, newest first, for the integral from the newest node to `end`: Adams-Bashforth
/// for unequal steps, by integrating the Lagrange polynomials.
///
/// At most four nodes: the two-point Gauss rule is exact for cubics.
pub(crate) fn adams_unequal(nodes: &[f64], end: f64) -> Vec<f64> {
    let start = nodes[0];
    let (middle, half) = ((start + end) / 2.0, (end - start) / 2.0);
    let gauss = [middle - half / 3f64.sqrt(), middle + half / 3f64.sqrt()];
    let basis = |j: usize, at: f64| -> f64 {
        let others = nodes.iter().enumerate().filter(|&(k, _)| k != j);
        others.map(|(_, node)| (at - node) / (nodes[j] - node)).product()
    };
    (0..nodes.len()).map(|j| half * gauss.iter().map(|&at| basis(j, at)).sum::<f64>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_steps_have_the_textbook_weights() {
        let nodes = [0.0, -1.0, -2.0, -3.0];
        for n in 1..=4 {
            for (ours, textbook) in adams_unequal(&nodes[..n], 1.0).iter().zip(adams_bashforth(n)) {
                assert!((ours - textbook).abs() < 1e-12, "{n}: {ours} is not {textbook}");
            }
        }
    }

    #[test]
    fn cubics_are_integrated_exactly() {
        let nodes = [2.0f64, 3.5, 3.8, 7.0];
        let weights = adams_unequal(&nodes, 0.5);
        let ours: f64 = weights.iter().zip(nodes).map(|(w, x)| w * x.powi(3)).sum();
        assert!((ours - (0.5f64.powi(4) - 16.0) / 4.0).abs() < 1e-12, "{ours}");
    }
}
