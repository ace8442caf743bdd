//! What a configuration may say, and what it is told otherwise.

use unet::{ClassInput, LevelBlock, Resample, UNetConfig};

fn small() -> UNetConfig {
    UNetConfig {
        image_size: 8,
        channels: 32,
        channel_mult: vec![1, 2],
        attention_resolutions: vec![4],
        ..UNetConfig::default()
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut UNetConfig), message: &str) {
    let mut config = small();
    change(&mut config);
    assert_eq!(config.validate().unwrap_err().to_string(), message);
}

#[test]
fn default_and_small_configurations_are_valid() {
    assert_eq!(UNetConfig::default().validate(), Ok(()));
    assert_eq!(small().validate(), Ok(()));
}

#[test]
fn counts_must_not_be_zero() {
    refused(|c| c.channel_mult = vec![1, 0], "channel_mult is 0; use at least 1");
    refused(|c| c.num_classes = Some(0), "num_classes is 0; use at least 1");
    refused(
        |c| c.channel_mult = vec![],
        "channel_mult is empty; give one multiplier for each level, for example [1, 2, 2]",
    );
}

#[test]
fn images_must_be_halvable() {
    refused(
        |c| (c.image_size, c.channel_mult) = (28, vec![1, 2, 2, 2]),
        "image_size 28 cannot be halved 3 times, as the 4 levels of channel_mult ask; \
         use a multiple of 8 (pad the images), or fewer levels",
    );
}

#[test]
fn attention_must_be_at_a_level() {
    refused(
        |c| c.attention_resolutions = vec![4, 16],
        "attention_resolutions holds 16, but the levels are at [8, 4]; use some of these, or []",
    );
}

#[test]
fn heads_must_divide_the_channels_that_attend() {
    refused(
        |c| c.num_heads = Some(3),
        "num_heads 3 does not divide the 64 channels of level 1; use a divisor of 64",
    );
    refused(
        |c| c.head_channels = Some(48),
        "head_channels 48 does not divide the 64 channels of level 1; use a divisor of 64",
    );
    refused(
        |c| (c.num_heads, c.head_channels) = (Some(2), Some(8)),
        "num_heads and head_channels are both set; keep one of them",
    );
    // The first level has no attention, so that heads need not divide its channels.
    assert_eq!(UNetConfig { head_channels: Some(64), ..small() }.validate(), Ok(()));
}

#[test]
fn groups_must_divide_the_channels_of_all_levels() {
    refused(
        |c| (c.channels, c.norm_groups) = (48, Some(32)),
        "norm_groups 32 does not divide the 48 channels of level 0; use 24, or leave norm_groups out",
    );
}

#[test]
fn groups_left_out_divide_all_levels_and_hold_four_channels_or_more() {
    for (channels, groups) in [(128, 32), (192, 32), (64, 16), (48, 12), (32, 8), (12, 3), (3, 1)] {
        let config = UNetConfig { channels, ..small() };
        assert_eq!(config.resolved_norm_groups(), groups, "{channels} channels");
        assert_eq!(UNetConfig { freq_shift: 0.0, ..config }.validate(), Ok(()));
    }
}

#[test]
fn blocks_are_one_a_level_and_lead_the_image_to_where_it_is_taken() {
    let block = |resample| LevelBlock::new(false, resample);
    refused(
        |c| c.down_blocks = Some(vec![block(Resample::Conv)]),
        "down_blocks holds 1 blocks, but channel_mult 2 levels; give one block a level",
    );
    let [conv, skip] = [block(Resample::Conv), block(Resample::Skip)];
    refused(
        |c| (c.channel_mult, c.down_blocks) = (vec![1, 1, 2], Some(vec![conv.clone(), skip, conv])),
        "down_blocks has resample = \"skip\" below a level without; use it for all levels above it too",
    );
    refused(
        |c| (c.channels, c.resample, c.norm_groups) = (18, Resample::Skip, Some(1)),
        "18 channels at level 0 do not divide into the groups of resample = \"skip\"; use multiples of 32",
    );
}

#[test]
fn keys_that_belong_together_are_set_together() {
    refused(
        |c| c.num_timesteps = Some(3),
        "num_timesteps belongs to time_encoding = \"learned\"; set both or neither",
    );
    refused(
        |c| (c.class_input, c.num_classes) = (ClassInput::Number, Some(3)),
        "num_classes belongs to class_input = \"label\"; leave it out",
    );
}

#[test]
fn numbers_must_be_in_their_ranges() {
    refused(|c| c.dropout = 1.0, "dropout is 1; use a value in [0, 1)");
    refused(|c| c.dropout = f64::NAN, "dropout is NaN; use a value in [0, 1)");
    refused(|c| c.norm_eps = 0.0, "norm_eps is 0; use a value in (0, 1)");
    refused(
        |c| c.freq_shift = 16.0,
        "freq_shift is 16; use a value in [0, 16), below half of the first level's channels",
    );
}

#[test]
fn toml_fills_defaults_and_refuses_unknown_keys() {
    let config: UNetConfig = toml::from_str("channels = 64\nresample = \"pool\"\nnum_classes = 10").unwrap();
    let expected =
        UNetConfig { channels: 64, resample: Resample::Pool, num_classes: Some(10), ..UNetConfig::default() };
    assert_eq!(config, expected);
    assert_eq!(toml::from_str::<UNetConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);

    let unknown = toml::from_str::<UNetConfig>("chanels = 64").unwrap_err().to_string();
    assert!(unknown.contains("unknown field `chanels`"), "{unknown}");
}
