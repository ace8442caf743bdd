use random::{Seed, Stream};

/// The share of masks that hide the whole image, so that the network draws from nothing too (as Stable Diffusion's inpainting
/// network was trained).
const WHOLE: f64 = 0.25;

/// Sides of a rectangle, as shares of the image's.
const SIDES: [f64; 2] = [0.2, 0.7];

/// A mask `[H, W]` of one to three rectangles, 1 where an image is to be drawn: a function of the seed, the purpose and the
/// number alone.
pub(super) fn masks(seed: Seed, purpose: &str, number: u64, count: usize, size: [usize; 2]) -> Vec<f32> {
    let mut stream = seed.stream(purpose, number);
    (0..count).flat_map(|_| mask(&mut stream, size)).collect()
}

fn mask(stream: &mut Stream, [height, width]: [usize; 2]) -> Vec<f32> {
    if stream.chance(WHOLE) {
        return vec![1.0; height * width];
    }
    let mut mask = vec![0.0; height * width];
    for _ in 0..1 + stream.below(3) {
        let mut span = |side: usize| {
            let share = SIDES[0] + (SIDES[1] - SIDES[0]) * stream.uniform();
            let length = ((share * side as f64) as usize).clamp(1, side);
            let first = stream.below(side - length + 1);
            first..first + length
        };
        let (rows, columns) = (span(height), span(width));
        for row in rows {
            mask[row * width..][columns.clone()].fill(1.0);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_hide_something_and_often_not_all() {
        let size = [8, 12];
        let drawn: Vec<f32> = masks(Seed(1), "test", 3, 100, size);
        assert_eq!(drawn, masks(Seed(1), "test", 3, 100, size));
        assert!(drawn.iter().all(|&value| value == 0.0 || value == 1.0));
        let shares = drawn.chunks(96).map(|mask| mask.iter().sum::<f32>() / 96.0);
        let whole = shares.clone().filter(|&share| share == 1.0).count();
        assert!((10..40).contains(&whole), "{whole}");
        assert!(shares.clone().all(|share| share > 0.01));
        assert!(shares.filter(|&share| share < 0.9).count() > 50);
    }
}
