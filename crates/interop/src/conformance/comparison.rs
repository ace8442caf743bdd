/// How far our numbers are from the recorded ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    parts: Vec<Part>,
}

/// One compared quantity.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: String,
    error: f64,
    tolerance: f64,
}

impl Comparison {
    /// Compares values relative to the largest recorded one. Numbers that are none, and lists of different lengths, are
    /// infinitely far apart.
    pub fn relative(&mut self, name: impl Into<String>, ours: &[f32], recorded: &[f32], tolerance: f64) {
        let largest = recorded.iter().fold(0.0_f64, |largest, &value| largest.max(f64::from(value).abs()));
        self.scaled(name, ours, recorded, largest, tolerance);
    }

    /// Compares values in units of `scale`; where that is 0, zeros are the only answer.
    pub fn scaled(
        &mut self,
        name: impl Into<String>,
        ours: &[f32],
        recorded: &[f32],
        scale: f64,
        tolerance: f64,
    ) {
        let scale = if scale == 0.0 { f64::MIN_POSITIVE } else { scale };
        let far = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs();
        let worse = |a: f64, b: f64| if b.is_nan() { f64::INFINITY } else { a.max(b) };
        let error = if ours.len() == recorded.len() {
            ours.iter().zip(recorded).map(far).fold(0.0, worse) / scale
        } else {
            f64::INFINITY
        };
        self.parts.push(Part { name: name.into(), error, tolerance });
    }

    /// Whether all quantities agree; nothing compared does not count as agreement.
    pub fn agrees(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.error <= part.tolerance)
    }

    /// Name, error and tolerance of the quantity that is worst in units of its tolerance.
    pub fn worst(&self) -> Option<(&str, f64, f64)> {
        let ratio = |part: &Part| part.error / part.tolerance;
        let worst = self.parts.iter().max_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
        Some((&worst.name, worst.error, worst.tolerance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_quantity_is_worst_in_its_own_tolerance() {
        let mut comparison = Comparison::default();
        comparison.relative("near", &[1.0, 2.0], &[1.0, 2.001], 1e-2);
        assert!(comparison.agrees());
        comparison.relative("tight", &[10.0], &[10.001], 1e-6);
        assert!(!comparison.agrees());
        assert_eq!(comparison.worst().unwrap().0, "tight");
    }

    #[test]
    fn what_is_no_number_or_not_there_does_not_agree() {
        for ours in [&[f32::NAN][..], &[], &[f32::INFINITY]] {
            let mut comparison = Comparison::default();
            comparison.relative("x", ours, &[1.0], 1e9);
            assert!(!comparison.agrees(), "{ours:?}");
        }
        assert!(!Comparison::default().agrees());
        let mut zeros = Comparison::default();
        zeros.relative("x", &[1e-30], &[0.0], 1e-3);
        assert!(!zeros.agrees());
    }
}
