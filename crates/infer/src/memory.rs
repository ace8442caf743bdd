use anyhow::{Result, bail};
use unet::UNetConfig;

/// Channels at the full size of an image in most decoders.
const DECODER_CHANNELS: usize = 128;

/// Refuses what an option asks where there is not so much memory: so many images at once, each of so many numbers.
///
/// # Errors
///
/// One that names the option and says how much memory it takes.
pub fn check_memory(option: &str, images: usize, floats: usize) -> Result<()> {
    let bytes = images as f64 * floats as f64 * size_of::<f32>() as f64;
    // Where the system does not say how much there is, what no address reaches is still too much.
    if bytes <= interop::memory_limit().map_or(2f64.powi(47), |limit| limit as f64) {
        return Ok(());
    }
    let gib = bytes / 2f64.powi(30);
    bail!(
        "{option}: {images} images at once take more than {gib:.0} GiB, which this machine does not have: ask for fewer"
    )
}

/// Numbers that a network holds of an image of some height and width while it denoises it, about.
pub fn floats_of_image(config: &UNetConfig, [height, width]: [usize; 2]) -> usize {
    let level = |(level, factor): (usize, &usize)| {
        let pixels = height.saturating_mul(width) >> (2 * level).min(63);
        pixels.saturating_mul(config.channels).saturating_mul(*factor)
    };
    let levels = config.channel_mult.iter().enumerate().map(level).fold(0, usize::saturating_add);
    // What each block leaves for the way up, and what is at work.
    levels.saturating_mul(2 * (config.num_res_blocks.saturating_add(2)))
}

/// The same where it draws latents, which a first stage decodes to an image of other sides.
pub fn floats_of_latent(config: &UNetConfig, latent: [usize; 2], [height, width]: [usize; 2]) -> usize {
    let decoded = height.saturating_mul(width).saturating_mul(DECODER_CHANNELS);
    floats_of_image(config, latent).saturating_add(decoded)
}
