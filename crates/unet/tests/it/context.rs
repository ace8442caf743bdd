//! Attention to a context, and what else a network is told of a text.

use burn::tensor::{Device, Tensor};
use unet::{
    AddedInput, ClassInput, Conditions, ContextConfig, ContextInput, CrossAttention, DownsamplePadding,
    LevelBlock, Mid, Resample, Residuals, UNet, UNetConfig,
};

use crate::{images, weights};

const CHANNELS: usize = 32;

/// A network whose lower level and middle attend to a context.
fn attending(cross: CrossAttention) -> UNetConfig {
    let resample = match cross {
        CrossAttention::Transformer { .. } => Resample::Conv,
        CrossAttention::Added { .. } => Resample::Block,
    };
    let blocks = || {
        let block = LevelBlock::new(false, resample);
        Some(vec![block.clone(), block.with_cross(cross.clone())])
    };
    UNetConfig {
        image_size: 8,
        in_channels: 1,
        out_channels: 1,
        channels: 8,
        channel_mult: vec![1, 2],
        num_res_blocks: 1,
        attention_resolutions: vec![],
        downsample_padding: DownsamplePadding::Symmetric,
        down_blocks: blocks(),
        up_blocks: blocks(),
        mid: Mid::Cross(cross),
        context: Some(ContextConfig { channels: CHANNELS, input: ContextInput::Text }),
        ..UNetConfig::default()
    }
}

fn transformer() -> CrossAttention {
    CrossAttention::Transformer { depths: vec![1, 2], heads: 4, context_only: false }
}

fn added() -> CrossAttention {
    CrossAttention::Added { head_channels: 4, context_only: false, norm_context: true }
}

fn filled(config: &UNetConfig) -> UNet {
    weights::fill(config.init(&Device::flex(), 0).unwrap(), weights::waves)
}

/// `[1, tokens, CHANNELS]`
fn text(tokens: usize) -> Tensor<3> {
    images([1, 1, tokens, CHANNELS], &Device::flex()).squeeze_dim(0)
}

fn answer(unet: &UNet, size: [usize; 2], conditions: Conditions) -> Tensor<4> {
    let device = Device::flex();
    let x = images([1, 1, size[0], size[1]], &device);
    unet.forward_with(x, Tensor::ones([1], &device), conditions).unwrap()
}

/// Why a network is not called with conditions.
fn not_answered(unet: &UNet, conditions: Conditions) -> String {
    let device = Device::flex();
    let x = images([1, 1, 8, 8], &device);
    unet.forward_with(x, Tensor::ones([1], &device), conditions).unwrap_err().to_string()
}

fn told(text: Tensor<3>) -> Conditions {
    Conditions { text: Some(text), ..Conditions::default() }
}

fn largest_difference(a: Tensor<4>, b: Tensor<4>) -> f32 {
    (a - b).abs().max().into_scalar()
}

#[test]
fn the_text_changes_the_image() {
    for cross in [transformer(), added()] {
        let unet = filled(&attending(cross));
        let [a, b] = [text(5), (text(5) * 3.0).cos()].map(|text| answer(&unet, [8, 8], told(text)));
        assert!(largest_difference(a, b) > 1e-3);
    }
}

/// What is masked might as well not be there, except that a norm of the whole context sees it.
#[test]
fn masked_tokens_change_nothing() {
    let plain = CrossAttention::Added { head_channels: 4, context_only: true, norm_context: false };
    for cross in [transformer(), plain] {
        let unet = filled(&attending(cross));
        let mask = Tensor::<1>::from_floats([1.0, 1.0, 1.0, 0.0, 0.0], &Device::flex()).unsqueeze();
        let masked = Conditions { text_mask: Some(mask), ..told(text(5)) };
        let [short, masked] = [told(text(3)), masked].map(|conditions| answer(&unet, [8, 8], conditions));
        assert!(largest_difference(short, masked) < 1e-5);
    }
}

/// With symmetric padding, what is rounded up on the way down is cropped on the way up.
#[test]
fn images_of_any_size_are_taken() {
    let config = attending(transformer());
    assert_eq!(config.size_multiple(), 1);
    let unet = filled(&config);
    for size in [[7, 8], [5, 9], [1, 3]] {
        assert_eq!(answer(&unet, size, told(text(2))).dims(), [1, 1, size[0], size[1]]);
    }
    assert_eq!(attending(added()).size_multiple(), 2);
}

/// A ControlNet's residuals are added to the skip connections and to the middle: taken together they cancel.
#[test]
fn residuals_are_added_where_they_belong() {
    let unet = filled(&attending(transformer()));
    let device = Device::flex();
    let skips = || [([8, 8, 8], 0.0), ([8, 8, 8], 1.0), ([8, 4, 4], 0.0), ([16, 4, 4], 0.0)];
    let beside = |factor: f32| Residuals {
        skips: skips().map(|([c, h, w], value)| Tensor::full([1, c, h, w], value * factor, &device)).to_vec(),
        ..Residuals::default()
    };
    let with = |residuals| answer(&unet, [8, 8], Conditions { residuals, ..told(text(2)) });
    let without = with(Residuals::default());
    assert_eq!(largest_difference(with(beside(0.0)), without.clone()), 0.0);
    assert!(largest_difference(with(beside(1.0)), without.clone()) > 1e-3);
    let mid = Residuals { mid: Some(Tensor::ones([1, 16, 4, 4], &device)), ..Residuals::default() };
    assert!(largest_difference(with(mid), without) > 1e-3);
}

#[test]
fn what_a_network_cannot_do_without_is_named() {
    for attention in [added(), transformer()] {
        let without = not_answered(&filled(&attending(attention)), Conditions::default());
        assert_eq!(without, "the network needs a context to attend to, and is given none");
    }
    let added_input = AddedInput::TextAndSizes { channels: 20, size_channels: 2 };
    let unet = filled(&UNetConfig { added_input, ..attending(transformer()) });
    let without = not_answered(&unet, told(text(2)));
    assert_eq!(without, "the network needs what it adds to the embedding of the time, and is given none");
}

/// As a configuration file holds it.
#[test]
fn configurations_are_written_and_read() {
    let input = ContextInput::ProjectedText(12);
    let config = UNetConfig {
        context: Some(ContextConfig { channels: CHANNELS, input }),
        added_input: AddedInput::TextAndSizes { channels: 20, size_channels: 2 },
        class_input: ClassInput::Linear(3),
        ..attending(added())
    };
    for config in [config, attending(transformer())] {
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<UNetConfig>(&text).unwrap(), config, "{text}");
    }
}

#[track_caller]
fn refused(change: impl FnOnce(&mut UNetConfig), message: &str) {
    let mut config = attending(transformer());
    change(&mut config);
    assert_eq!(config.validate().unwrap_err().to_string(), message);
}

#[test]
fn what_does_not_fit_a_context_is_named() {
    refused(
        |c| c.context = None,
        "a block at level 1 attends to a context, but there is none; set context.channels",
    );
    refused(
        |c| {
            c.mid = Mid::Cross(CrossAttention::Transformer { depths: vec![1], heads: 3, context_only: false })
        },
        "heads 3 does not divide the 16 channels of level 1; use a divisor of 16",
    );
    refused(
        |c| {
            (c.context, c.mid) =
                (Some(ContextConfig { channels: 20, ..c.context.unwrap() }), Mid::Cross(added()))
        },
        "norm_context in groups of 32 does not divide the 20 channels of the context; use a divisor of 20",
    );
    refused(
        |c| c.added_input = AddedInput::Text { channels: 10, heads: 4 },
        "heads 4 does not divide the 10 channels of added_input; use a divisor of 10",
    );
    refused(|c| c.class_input = ClassInput::Linear(0), "class_input is 0; use at least 1");
    refused(
        |c| c.class_concat = true,
        "class_concat needs a class; set num_classes or class_input, or leave it out",
    );
    refused(|c| c.conv_in_kernel = 4, "conv_in_kernel is 4; use a value that is odd");
    refused(
        |c| c.level_res_blocks = Some(vec![1]),
        "level_res_blocks holds 1 blocks, but channel_mult 2 levels; give one block a level",
    );
}
