use crate::TrunkConfig;

/// Numbers that a residual block keeps for a pixel, in units of its channels: the inputs of its norms and convolutions.
const RES_BLOCK: f64 = 4.0;
/// Of attention: its input, queries, keys, values and what they are mixed to.
const ATTENTION: f64 = 6.0;

impl TrunkConfig {
    /// About how many numbers encoder and decoder keep of each image of a height and width for their gradients.
    pub fn kept_values(&self, [height, width]: [usize; 2]) -> f64 {
        let pixels = |level: usize| (height as f64) * (width as f64) / 4f64.powi(level as i32);
        let values = |level: usize| pixels(level) * self.width(level) as f64;
        let levels = (0..self.channel_mult.len()).map(|level| {
            let attends = |levels: &[usize]| if levels.contains(&level) { ATTENTION } else { 0.0 };
            let blocks = self.num_res_blocks as f64;
            let encoder = blocks * (RES_BLOCK + attends(&self.encoder_attention));
            let decoder = (blocks + 1.0) * (RES_BLOCK + attends(&self.decoder_attention));
            let resampled = 3.0;
            (encoder + decoder + resampled) * values(level)
        });
        let mid = 2.0 * RES_BLOCK + if self.mid_attention { ATTENTION } else { 0.0 };
        let ends = pixels(0) * (2 * self.in_channels + 2 * self.out_channels) as f64;
        ends + levels.sum::<f64>() + 2.0 * mid * values(self.last_level())
    }
}
