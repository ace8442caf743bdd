//! Discs that hide each other, as in natural images.

use random::Seed;
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::picture::Picture;
use crate::records::{Opened, ReadImages, Records};

/// Grey discs that lie upon each other until nothing shows between them; their radii follow a power law with exponent -3,
/// which makes them look alike at every scale (Lee, Mumford, Huang 2001; Sohl-Dickstein et al. 2015, section 3.2.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeadLeavesConfig {
    /// Side of the images in pixels.
    pub side: usize,
    /// Least radius in pixels.
    pub min_radius: f64,
    /// Greatest radius in pixels.
    pub max_radius: f64,
    /// Training images; there are a tenth as many for validation.
    pub count: usize,
    /// Which of all sets of so many images.
    pub seed: u64,
}

const MOST_SIDE: usize = 1024;
/// Smaller discs may miss every middle of a pixel.
const LEAST_RADIUS: f64 = 0.5;
/// A disc that is far larger covers an image or misses it.
const MOST_RADIUS: f64 = 1e5;
const MOST_COUNT: usize = 10_000_000;

impl Default for DeadLeavesConfig {
    fn default() -> Self {
        Self { side: 32, min_radius: 2.0, max_radius: 16.0, count: 10_000, seed: 0 }
    }
}

impl DeadLeavesConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        if !(1..=MOST_SIDE).contains(&self.side) {
            return Err(DataError::out_of_range("side", self.side, 1, MOST_SIDE));
        }
        if !(LEAST_RADIUS..=MOST_RADIUS).contains(&self.min_radius) {
            return Err(DataError::out_of_range("min_radius", self.min_radius, LEAST_RADIUS, MOST_RADIUS));
        }
        if !(self.min_radius..=MOST_RADIUS).contains(&self.max_radius) {
            return Err(DataError::out_of_range("max_radius", self.max_radius, self.min_radius, MOST_RADIUS));
        }
        if !(1..=MOST_COUNT).contains(&self.count) {
            return Err(DataError::out_of_range("count", self.count, 1, MOST_COUNT));
        }
        let mut fingerprint = Fingerprint::new("dead-leaves");
        let Self { side, min_radius, max_radius, count, seed } = self;
        fingerprint.add("law", format!("{side} {min_radius} {max_radius} {count} {seed}"));
        let images = |split, count| Records::new(Leaves { config: self.clone(), split, count }, None);
        Ok(Opened {
            valid: Some(images("valid", self.count.div_ceil(10))),
            ..Opened::new(images("train", self.count), fingerprint)
        })
    }
}

/// Images that are drawn when they are asked for.
struct Leaves {
    config: DeadLeavesConfig,
    split: &'static str,
    count: usize,
}

impl ReadImages for Leaves {
    fn len(&self) -> usize {
        self.count
    }

    /// The nearest disc comes first: what is covered once stays as it is.
    fn read(&self, index: usize) -> Result<Picture, DataError> {
        let DeadLeavesConfig { side, min_radius, max_radius, seed, .. } = self.config;
        let mut stream = Seed(seed).stream(&format!("dead-leaves/{}", self.split), index as u64);
        let mut pixels: Vec<Option<u8>> = vec![None; side * side];
        let mut bare = pixels.len();
        while bare > 0 {
            let radius = power_law(stream.uniform(), min_radius, max_radius);
            // Discs whose middle lies outside reach into the picture too.
            let span = side as f64 + 2.0 * radius;
            let [x, y] = [stream.uniform(), stream.uniform()].map(|share| share * span - radius);
            let grey = stream.below(256) as u8;
            let under = |middle: f64| {
                (middle - radius).max(0.0) as usize..((middle + radius).ceil().max(0.0) as usize).min(side)
            };
            for row in under(y) {
                for column in under(x) {
                    let squared = (column as f64 + 0.5 - x).powi(2) + (row as f64 + 0.5 - y).powi(2);
                    let pixel = &mut pixels[row * side + column];
                    if pixel.is_none() && squared < radius * radius {
                        *pixel = Some(grey);
                        bare -= 1;
                    }
                }
            }
        }
        let bytes = pixels.into_iter().map(Option::unwrap_or_default).collect();
        Ok(Picture::from_bytes(side, side, 1, bytes))
    }

    fn name(&self, index: usize) -> String {
        format!("dead leaves, image {index}")
    }

    fn stored_shape(&self) -> Option<[usize; 3]> {
        Some([1, self.config.side, self.config.side])
    }
}

/// The number below which a share of the density `r^-3` on `[least, greatest]` lies.
fn power_law(share: f64, least: f64, greatest: f64) -> f64 {
    let (near, far) = (least.powi(-2), greatest.powi(-2));
    (near - share * (near - far)).powf(-0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        let refused = |config: DeadLeavesConfig| config.open().err().unwrap().to_string();
        let default = DeadLeavesConfig::default;
        assert_eq!(
            refused(DeadLeavesConfig { min_radius: 1e200, max_radius: 1e300, ..default() }),
            "dataset.min_radius: 1e200 is not between 0.5 and 100000.0"
        );
        assert_eq!(
            refused(DeadLeavesConfig { max_radius: 1.0, ..default() }),
            "dataset.max_radius: 1.0 is not between 2.0 and 100000.0"
        );
        assert_eq!(
            refused(DeadLeavesConfig { count: 10_000_000_000, ..default() }),
            "dataset.count: 10000000000 is not between 1 and 10000000"
        );
        assert!(refused(DeadLeavesConfig { side: 0, ..default() }).starts_with("dataset.side: 0 is not"));
        assert!(refused(DeadLeavesConfig { min_radius: f64::NAN, ..default() }).contains("min_radius: NaN"));
    }

    /// As far as the bounds allow, an image takes a moment.
    #[test]
    fn images_of_the_greatest_and_the_least_discs_end() {
        let draw = |side, min_radius, max_radius| {
            let config = DeadLeavesConfig { side, min_radius, max_radius, ..DeadLeavesConfig::default() };
            assert!(config.open().is_ok());
            Leaves { config, split: "train", count: 1 }.read(0).unwrap()
        };
        draw(1024, MOST_RADIUS, MOST_RADIUS);
        draw(128, LEAST_RADIUS, LEAST_RADIUS);
        draw(128, LEAST_RADIUS, MOST_RADIUS);
    }

    #[test]
    fn radii_follow_their_law() {
        // Half of the density r^-3 between 1 and 3 lies below sqrt(9/5).
        assert!((power_law(0.5, 1.0, 3.0) - 1.8f64.sqrt()).abs() < 1e-12);
        assert_eq!((power_law(0.0, 1.0, 3.0), power_law(1.0, 2.0, 4.0)), (1.0, 4.0));
    }

    #[test]
    fn an_image_depends_on_its_number_alone_and_is_made_of_discs() {
        let leaves = |seed| Leaves {
            config: DeadLeavesConfig { seed, ..DeadLeavesConfig::default() },
            split: "train",
            count: 9,
        };
        let picture = leaves(0).read(7).unwrap();
        assert_eq!(picture, leaves(0).read(7).unwrap());
        assert_ne!(picture, leaves(0).read(6).unwrap());
        assert_ne!(picture, leaves(1).read(7).unwrap());
        let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
        assert_eq!(
            sum(picture.bytes()),
            135_881,
            "as it was drawn when a disc asked every column of its rows"
        );
        // Neighbours mostly lie on one disc, and so are equal.
        let row = picture.bytes();
        let equal = row.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(equal > row.len() / 2, "{equal} of {}", row.len());
    }
}
