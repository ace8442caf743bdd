//! Configurations that describe no network, and those that describe one.

use autoencoder::{AutoencoderConfig, TrunkConfig};
use burn::tensor::{Device, Tensor};

fn error(text: &str) -> String {
    let config: AutoencoderConfig = toml::from_str(text).unwrap();
    config.validate().unwrap_err().to_string()
}

#[test]
fn what_does_not_fit_is_named_with_what_mends_it() {
    let kl = "latent = \"kl\"\n[trunk]\n";
    let vq = "latent = \"vq\"\nspatial_norm = true\n";
    let cases = [
        (format!("{kl}channels = 0"), "channels is 0; use at least 1"),
        (format!("{kl}channel_mult = []"), "channel_mult is empty"),
        (format!("{kl}encoder_attention = [3]"), "encoder_attention holds 3, but the levels are 0 to 2"),
        (
            format!("{kl}channels = 6\nnorm_groups = 4"),
            "4 groups of a norm do not divide the 6 channels of level 0",
        ),
        (format!("{vq}[trunk]\nchannels = 8"), "32 groups of a norm do not divide the 8 channels of level 0"),
        (
            format!("{vq}code_channels = 3"),
            "with spatial_norm, code_channels 3 must be the 4 latent_channels",
        ),
        (format!("{kl}latent_channels = 9999999"), "latent_channels is 9999999; use at most 1048576"),
    ];
    for (text, expected) in cases {
        let error = error(&text);
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(toml::from_str::<AutoencoderConfig>("latent = \"kl\"\ncodes = 3").is_err());
}

/// The factor is that of the levels, from 1 to 32; the same seed makes the same network.
#[test]
fn every_factor_is_a_number_of_levels() {
    let device = Device::flex();
    for levels in 1..=6 {
        let text = format!(
            "latent = \"kl\"\n[trunk]\nchannels = 4\nmid_attention = false\nchannel_mult = {:?}",
            vec![1; levels]
        );
        let config: AutoencoderConfig = toml::from_str(&text).unwrap();
        let factor = config.trunk().factor();
        assert_eq!(factor, 1 << (levels - 1));
        let image = Tensor::<4>::ones([1, 3, 32, 64], &device);
        let [one, other] = [5, 5].map(|seed| config.init(&device, seed).unwrap());
        let latent = one.latent(image.clone());
        assert_eq!(latent.dims(), [1, 4, 32 / factor, 64 / factor]);
        assert_eq!(one.decode(latent.clone()).dims(), [1, 3, 32, 64]);
        other.latent(image).into_data().assert_eq(&latent.into_data(), true);
    }
    assert_eq!(TrunkConfig::default().factor(), 4);
}

#[test]
fn a_norm_has_at_least_four_channels_where_there_are_so_many() {
    let groups = |channels: usize, channel_mult: &[usize]| {
        let channel_mult = channel_mult.to_vec();
        TrunkConfig { channels, channel_mult, ..TrunkConfig::default() }.resolved_norm_groups()
    };
    assert_eq!([groups(16, &[1, 2, 4]), groups(128, &[1, 2, 4, 4]), groups(256, &[1, 2])], [4, 32, 32]);
    assert_eq!([groups(6, &[1, 2]), groups(12, &[2, 3]), groups(2, &[1])], [1, 3, 1]);
}
