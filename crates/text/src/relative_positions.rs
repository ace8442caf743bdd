/// Which of T5's buckets a relative position falls into (Raffel et al. 2020, section 2.1): half of the buckets are for
/// positions to come, half for those before; in each half, half of the buckets hold one distance, the others ever longer
/// ranges, up to `farthest`.
///
/// In single precision, as the reference library computes it, so that no distance at a range's edge falls elsewhere.
pub(crate) fn bucket(key: usize, query: usize, buckets: usize, farthest: usize) -> usize {
    let half = buckets / 2;
    let side = if key > query { half } else { 0 };
    let (distance, exact) = (key.abs_diff(query), half / 2);
    if distance < exact {
        return side + distance;
    }
    let decades = ((farthest as f64 / exact as f64).ln()) as f32;
    let share = (distance as f32 / exact as f32).ln() / decades;
    side + (exact + (share * (half - exact) as f32) as usize).min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 32 buckets up to 128: what the reference library's formula gives.
    #[test]
    fn near_distances_have_their_own_bucket_and_far_ones_share() {
        let before = |distance: usize| bucket(0, distance, 32, 128);
        assert_eq!([0, 1, 7, 8, 11, 12, 15, 16].map(before), [0, 1, 7, 8, 8, 9, 9, 10]);
        assert_eq!([31, 32, 63, 64, 127, 128, 1000].map(before), [11, 12, 13, 14, 15, 15, 15]);
        assert_eq!([1, 8, 1000].map(|distance| bucket(distance, 0, 32, 128)), [17, 24, 31]);
    }
}
