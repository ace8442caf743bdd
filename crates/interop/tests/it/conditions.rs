//! Text-conditioned networks: written and read back, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use interop::{read_unet, read_unet_config, unet_tensors, write_unet};

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

#[test]
fn what_is_written_is_read_back() {
    for name in
        ["condition_added", "condition_beside", "condition_odd", "condition_sizes", "stable_diffusion/unet"]
    {
        let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
        let (net, config) = read_unet(&recorded(name), &device).unwrap();
        assert_eq!(write_unet(&net, &config, folder.path()).unwrap(), "UNet2DConditionModel");
        let (again, same) = read_unet(folder.path(), &device).unwrap();
        // What there is one of is written for each level.
        let levels = (0..config.channel_mult.len()).map(|level| config.res_blocks(level)).collect();
        let config = unet::UNetConfig { level_res_blocks: Some(levels), ..config };
        assert_eq!(same, config, "{name}");
        assert_eq!(unet_tensors(&again, &same).unwrap(), unet_tensors(&net, &config).unwrap(), "{name}");
    }
}

/// A convolution of side 1 is read as the matrix that it is.
#[test]
fn projections_of_both_shapes_are_one_network() {
    let text = fs::read_to_string(recorded("stable_diffusion/unet/config.json")).unwrap();
    assert!(text.contains("\"use_linear_projection\": false"), "{text}");
    let (net, config) = read_unet(&recorded("stable_diffusion/unet"), &Device::flex()).unwrap();
    let tensors = unet_tensors(&net, &config).unwrap();
    assert_eq!(tensors["mid_block.attentions.0.proj_in.weight"].shape.len(), 2);
}

#[track_caller]
fn refused(key: &str, value: &str, message: &str) {
    let text = fs::read_to_string(recorded("condition_added/config.json")).unwrap();
    let mut keys: serde_json::Map<_, _> = serde_json::from_str(&text).unwrap();
    keys.insert(key.into(), serde_json::from_str(value).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    fs::write(&path, serde_json::to_string(&keys).unwrap()).unwrap();
    let error = read_unet_config(&path).unwrap_err().to_string();
    assert!(error.ends_with(message), "{error}");
}

#[test]
fn options_that_we_do_not_have_are_named() {
    refused("attention_type", "\"gated\"", "attention_type = \"gated\" is not supported");
    refused("dual_cross_attention", "true", "dual_cross_attention = true is not supported");
    refused("addition_embed_type", "\"image_hint\"", "addition_embed_type = \"image_hint\" is not supported");
    refused(
        "cross_attention_norm",
        "\"layer_norm\"",
        "cross_attention_norm = \"layer_norm\" is not supported",
    );
    refused("mid_block_type", "\"Odd\"", "mid_block_type = \"Odd\" is not supported");
    refused("norm_num_groups", "null", "norm_num_groups = None is not supported");
    refused("novelty", "1", "novelty = 1 is not supported");
    refused(
        "attention_head_dim",
        "3",
        "head_channels 3 does not divide the 8 channels of level 1; use a divisor of 8",
    );
    refused(
        "block_out_channels",
        "[8]",
        "down_block_types = [\"ResnetDownsampleBlock2D\", \"SimpleCrossAttnDownBlock2D\"] is not supported",
    );
}
