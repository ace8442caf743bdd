use burn::prelude::*;
use random::{Seed, Stream};

/// Standard normal noise with one stream per image, so that an image does not depend on its batch.
pub struct ImageNoise {
    streams: Vec<Stream>,
    shape: [usize; 3],
    device: Device,
}

impl ImageNoise {
    /// The noise of images `numbers` of a seed, each of `shape` `[C, H, W]`.
    pub fn new(
        seed: u64,
        numbers: impl IntoIterator<Item = u64>,
        shape: [usize; 3],
        device: &Device,
    ) -> Self {
        let streams = numbers.into_iter().map(|number| Seed(seed).stream("sample/image", number)).collect();
        Self { streams, shape, device: device.clone() }
    }

    /// The next noise of every image, `[B, C, H, W]`.
    pub fn draw(&mut self) -> Tensor<4> {
        self.draw_shaped(self.shape)
    }

    /// The same with images of another shape `[C, H, W]`.
    pub fn draw_shaped(&mut self, [channels, height, width]: [usize; 3]) -> Tensor<4> {
        let pixels = channels * height * width;
        let values: Vec<f32> = self.streams.iter_mut().flat_map(|stream| stream.normal(pixels)).collect();
        let shape = [self.streams.len(), channels, height, width];
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_does_not_depend_on_its_batch() {
        let device = Device::flex();
        let draws = |numbers: std::ops::Range<u64>| {
            let mut noise = ImageNoise::new(3, numbers, [1, 2, 2], &device);
            [noise.draw(), noise.draw()].map(|x| x.try_into_vec_as::<f32>().unwrap())
        };
        let (all, last) = (draws(0..3), draws(2..3));
        assert_eq!(all.map(|x| x[8..].to_vec()), last);
    }
}
