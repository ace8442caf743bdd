use burn::tensor::Tensor;

use crate::AutoencoderError;

/// Encoding and decoding of a large image tile by tile, so that memory is bounded by a tile.
///
/// Tiles overlap by a quarter of their side, where they are blended linearly. Attention and norms see one tile at a time,
/// so that the result differs a little from that of the whole image. An image that fits into a tile is not cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    latent: usize,
    factor: usize,
}

impl Tiling {
    /// Tiles of `latent` latent pixels in height and width, for an autoencoder of the given factor.
    ///
    /// # Errors
    ///
    /// If a quarter of a tile is less than a latent pixel.
    pub fn new(latent: usize, factor: usize) -> Result<Self, AutoencoderError> {
        match latent {
            4.. => Ok(Self { latent, factor }),
            _ => Err(AutoencoderError::Tile { tile: latent, least: 4 }),
        }
    }

    /// Encodes an image, with `encode` of one tile.
    ///
    /// # Shapes
    ///
    /// - `image`: `[B, C, H, W]`
    /// - output: `[B, channels that `encode` gives, H/f, W/f]`
    pub fn encode(self, image: Tensor<4>, encode: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        self.run(image, [self.latent * self.factor, self.latent], encode)
    }

    /// Decodes a latent, with `decode` of one tile.
    ///
    /// # Shapes
    ///
    /// - `latent`: `[B, C, h, w]`
    /// - output: `[B, channels that `decode` gives, f h, f w]`
    pub fn decode(self, latent: Tensor<4>, decode: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        self.run(latent, [self.latent, self.latent * self.factor], decode)
    }

    fn run(self, x: Tensor<4>, [from, to]: [usize; 2], map: impl Fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        if height <= from && width <= from {
            return map(x);
        }
        let (step, blend) = (from * 3 / 4, to / 4);
        let mut rows = Vec::new();
        let mut above: Vec<Tensor<4>> = Vec::new();
        for top in (0..height).step_by(step) {
            let band = x.clone().narrow(2, top, from.min(height - top));
            let mut row: Vec<Tensor<4>> = Vec::new();
            for (j, left) in (0..width).step_by(step).enumerate() {
                let mut tile = map(band.clone().narrow(3, left, from.min(width - left)));
                if let Some(above) = above.get(j) {
                    tile = blended(above, tile, 2, blend);
                }
                if let Some(before) = row.last() {
                    tile = blended(before, tile, 3, blend);
                }
                row.push(tile);
            }
            rows.push(Tensor::cat(row.iter().map(|tile| corner(tile, to - blend)).collect(), 3));
            above = row;
        }
        Tensor::cat(rows, 2)
    }
}

/// The part of a tile that the next ones do not cover.
fn corner(tile: &Tensor<4>, side: usize) -> Tensor<4> {
    let [_, _, height, width] = tile.dims();
    tile.clone().narrow(2, 0, side.min(height)).narrow(3, 0, side.min(width))
}

/// `tile`, whose first `extent` rows (`dim` 2) or columns (3) fade in over the last of `before`.
fn blended(before: &Tensor<4>, tile: Tensor<4>, dim: usize, extent: usize) -> Tensor<4> {
    let (length, size) = (before.dims()[dim], tile.dims()[dim]);
    let extent = extent.min(length).min(size);
    let mut shape = [1; 4];
    shape[dim] = extent;
    let share = Tensor::<1, burn::tensor::Int>::arange(0..extent as i64, &tile.device()).float();
    let share = (share / extent as f64).reshape(shape);
    let old = before.clone().narrow(dim, length - extent, extent);
    let new = tile.clone().narrow(dim, 0, extent);
    let faded = old.clone() + (new - old) * share;
    if extent == size {
        return faded;
    }
    Tensor::cat(vec![faded, tile.narrow(dim, extent, size - extent)], dim)
}
