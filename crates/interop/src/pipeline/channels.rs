use autoencoder::AutoencoderConfig;
use unet::UNetConfig;

use super::PipelineKind;

/// Channels of the parts of a pipeline, found before any weights are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Channels {
    /// Of what the network draws: latents, or pixels.
    drawn: usize,
    /// Of the images that the first stage takes, and of those that it makes.
    images: [usize; 2],
}

/// An option of a part, and what is wrong with its value.
pub(super) type Misfit = (&'static str, String);

impl Channels {
    /// Those of a pipeline's autoencoder, or of pixels.
    pub(super) fn of(first_stage: Option<&AutoencoderConfig>) -> Self {
        let (drawn, trunk) = match first_stage {
            None => return Self { drawn: 3, images: [3, 3] },
            Some(AutoencoderConfig::Kl(config)) => (config.trunk.latent_channels, &config.trunk),
            Some(AutoencoderConfig::Vq(config)) => (config.resolved_code_channels(), &config.trunk),
        };
        Self { drawn, images: [trunk.in_channels, trunk.out_channels] }
    }

    /// Refuses images that are neither grey nor in colours.
    pub(super) fn check_images(self) -> Result<(), Misfit> {
        let keys = ["in_channels", "out_channels"];
        match keys.into_iter().zip(self.images).find(|(_, channels)| !matches!(channels, 1 | 3)) {
            Some((key, channels)) => Err((key, format!("{channels}, where images have 1 or 3 channels,"))),
            None => Ok(()),
        }
    }

    /// Refuses a network that does not take what the pipeline shows it, or does not answer with what it draws.
    pub(super) fn check_network(
        self,
        kind: PipelineKind,
        unet: &UNetConfig,
        learned_variance: bool,
    ) -> Result<(), Misfit> {
        let Self { drawn, images: [image, _] } = self;
        let taken = match kind {
            PipelineKind::StableDiffusion | PipelineKind::StableDiffusionXl => vec![drawn, 2 * drawn + 1],
            PipelineKind::StableDiffusionUpscale | PipelineKind::IfUpscale => vec![drawn + image],
            PipelineKind::LatentConsistency
            | PipelineKind::Ldm
            | PipelineKind::LdmText
            | PipelineKind::If => vec![drawn],
        };
        if !taken.contains(&unet.in_channels) {
            return Err(("in_channels", self.explained(&taken, unet.in_channels)));
        }
        let out = unet.out_channels;
        if out == 2 * drawn || (out == drawn && !learned_variance) {
            return Ok(());
        }
        let wanted =
            if learned_variance { "a learned variance, which doubles them," } else { "no learned variance" };
        Err(("out_channels", format!("{out} where {drawn} are drawn with {wanted}")))
    }

    fn explained(self, taken: &[usize], found: usize) -> String {
        let Self { drawn, .. } = self;
        let known = match found {
            _ if found == 2 * drawn => " (shown another image beside the drawn one, as InstructPix2Pix is)",
            _ if found == drawn + 1 => " (shown a map of depths beside the drawn image)",
            _ if found == 2 * drawn + 1 => " (shown a mask and an image beside the drawn one)",
            _ => "",
        };
        let taken: Vec<String> = taken.iter().map(usize::to_string).collect();
        format!(
            "{found}{known} in a pipeline that draws {drawn} channels, whose network takes {},",
            taken.join(" or ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autoencoder::{KlConfig, TrunkConfig, VqConfig};

    fn of_latents(latent_channels: usize) -> Channels {
        let trunk = TrunkConfig { latent_channels, ..TrunkConfig::default() };
        Channels::of(Some(&AutoencoderConfig::Kl(KlConfig { trunk, ..KlConfig::default() })))
    }

    fn unet(in_channels: usize, out_channels: usize) -> UNetConfig {
        UNetConfig { in_channels, out_channels, ..UNetConfig::default() }
    }

    #[test]
    fn a_network_takes_and_gives_what_its_pipeline_draws() {
        let check = |kind, counts: [usize; 2], learned| {
            of_latents(4)
                .check_network(kind, &unet(counts[0], counts[1]), learned)
                .map_err(|(key, text)| format!("{key} = {text}"))
        };
        let diffusion = PipelineKind::StableDiffusion;
        for (kind, counts) in [
            (diffusion, [4, 4]),
            (diffusion, [9, 4]),
            (diffusion, [4, 8]),
            (PipelineKind::StableDiffusionUpscale, [7, 4]),
            (PipelineKind::Ldm, [4, 4]),
        ] {
            assert_eq!(check(kind, counts, false), Ok(()), "{kind:?} {counts:?}");
        }
        for (counts, learned, wrong) in [
            ([8, 4], false, "in_channels = 8 (shown another image beside the drawn one, as InstructPix2Pix"),
            ([5, 4], false, "in_channels = 5 (shown a map of depths"),
            (
                [16, 4],
                false,
                "in_channels = 16 in a pipeline that draws 4 channels, whose network takes 4 or 9",
            ),
            ([4, 3], false, "out_channels = 3 where 4 are drawn"),
            ([4, 4], true, "out_channels = 4 where 4 are drawn with a learned variance"),
        ] {
            let error = check(diffusion, counts, learned).unwrap_err();
            assert!(error.starts_with(wrong), "{error}");
        }
        assert!(check(PipelineKind::Ldm, [9, 4], false).unwrap_err().contains("shown a mask"));
        let pixels = Channels::of(None);
        assert_eq!(pixels.check_network(PipelineKind::If, &unet(3, 6), true), Ok(()));
        assert_eq!(pixels.check_network(PipelineKind::IfUpscale, &unet(6, 6), true), Ok(()));
        let config = VqConfig { code_channels: Some(3), ..VqConfig::default() };
        assert_eq!(Channels::of(Some(&AutoencoderConfig::Vq(config))).drawn, 3);
    }

    #[test]
    fn images_are_grey_or_in_colours() {
        let check = |in_channels, out_channels| {
            let trunk = TrunkConfig { in_channels, out_channels, ..TrunkConfig::default() };
            let config = AutoencoderConfig::Kl(KlConfig { trunk, ..KlConfig::default() });
            Channels::of(Some(&config)).check_images()
        };
        assert_eq!([check(1, 1), check(3, 3), check(1, 3)], [Ok(()), Ok(()), Ok(())]);
        for (counts, key) in [([4, 4], "in_channels"), ([3, 5], "out_channels"), ([2, 2], "in_channels")] {
            assert_eq!(check(counts[0], counts[1]).unwrap_err().0, key);
        }
    }
}
