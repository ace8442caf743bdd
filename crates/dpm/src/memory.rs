use crate::network::NetworkConfig;

/// Numbers that a layer keeps for each of its outputs: its input, and what its activation sees.
const LAYER: f64 = 2.0;

impl NetworkConfig {
    /// About how many numbers the network keeps of each state `[C, H, W]` for its gradients.
    pub fn kept_values(&self, [channels, height, width]: [usize; 3]) -> f64 {
        let (pixels, values) = ((height * width) as f64, (channels * height * width) as f64);
        let ends = 8.0 * values;
        match self {
            Self::Rbf { units, .. } => ends + LAYER * *units as f64,
            Self::Mlp(config) => ends + LAYER * config.hidden.iter().map(|&width| width as f64).sum::<f64>(),
            Self::MultiScale(config) => {
                let convs = (config.conv_layers * config.conv_channels * (config.scales + 1)) as f64;
                let upper = (config.upper_layers * config.upper_channels) as f64;
                let bumps = 2.0 * (config.bumps * 2 * channels) as f64;
                let dense = (config.dense_layers * config.dense_units) as f64;
                ends + LAYER * (pixels * (convs + upper + config.dense_channels as f64 + bumps) + dense)
            }
        }
    }
}
