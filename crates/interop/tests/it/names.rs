//! Names and shapes of parameters that no recorded case has: those of the reference library's NCSN++ blocks and of its
//! other embeddings, read off its sources.

use burn::tensor::Device;
use interop::{read_unet_config, unet_tensors};
use serde_json::{Value, json};

fn shapes(change: impl FnOnce(&mut Value)) -> Vec<(String, Vec<usize>)> {
    let mut keys = json!({
        "_class_name": "UNet2DModel",
        "block_out_channels": [32, 64],
        "layers_per_block": 1,
        "down_block_types": ["DownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "UpBlock2D"],
        "norm_num_groups": 4,
        "sample_size": 8,
    });
    change(&mut keys);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, keys.to_string()).unwrap();
    let config = read_unet_config(&path).unwrap().config;
    let net = config.init(&Device::flex(), 0).unwrap();
    unet_tensors(&net, &config).unwrap().into_iter().map(|(name, tensor)| (name, tensor.shape)).collect()
}

#[track_caller]
fn holds(shapes: &[(String, Vec<usize>)], name: &str, shape: &[usize]) {
    let found = shapes.iter().find(|(other, _)| other == name).map(|(_, shape)| shape.as_slice());
    assert_eq!(found, Some(shape), "{name}");
}

#[test]
fn image_skips_and_fourier_features() {
    let shapes = shapes(|keys| {
        keys["down_block_types"] = json!(["SkipDownBlock2D", "AttnSkipDownBlock2D"]);
        keys["up_block_types"] = json!(["AttnSkipUpBlock2D", "SkipUpBlock2D"]);
        keys["time_embedding_type"] = json!("fourier");
    });
    holds(&shapes, "time_proj.weight", &[32]);
    holds(&shapes, "time_embedding.linear_1.weight", &[128, 64]);
    holds(&shapes, "down_blocks.0.skip_conv.weight", &[32, 3, 1, 1]);
    holds(&shapes, "down_blocks.0.resnet_down.conv_shortcut.weight", &[32, 32, 1, 1]);
    holds(&shapes, "down_blocks.1.attentions.0.to_q.weight", &[64, 64]);
    holds(&shapes, "up_blocks.0.attentions.0.to_q.weight", &[64, 64]);
    holds(&shapes, "up_blocks.0.resnet_up.conv1.weight", &[64, 64, 3, 3]);
    holds(&shapes, "up_blocks.0.skip_conv.weight", &[3, 64, 3, 3]);
    holds(&shapes, "up_blocks.0.skip_norm.weight", &[64]);
    let absent = ["samplers", "up_blocks.0.attentions.1", "down_blocks.1.skip_conv", "up_blocks.1.skip"];
    for name in absent {
        assert!(!shapes.iter().any(|(other, _)| other.contains(name)), "{name}");
    }
}

#[test]
fn residual_blocks_between_attended_levels_and_a_learnt_time() {
    let shapes = shapes(|keys| {
        keys["down_block_types"] = json!(["AttnDownBlock2D", "DownBlock2D"]);
        keys["up_block_types"] = json!(["AttnUpBlock2D", "AttnUpBlock2D"]);
        keys["downsample_type"] = json!("resnet");
        keys["time_embedding_type"] = json!("learned");
        keys["num_train_timesteps"] = json!(100);
        keys["num_class_embeds"] = json!(5);
        keys["add_attention"] = json!(false);
    });
    holds(&shapes, "time_proj.weight", &[100, 32]);
    holds(&shapes, "class_embedding.weight", &[5, 128]);
    holds(&shapes, "down_blocks.0.downsamplers.0.time_emb_proj.weight", &[32, 128]);
    holds(&shapes, "up_blocks.0.upsamplers.0.conv.weight", &[64, 64, 3, 3]);
    assert!(!shapes.iter().any(|(name, _)| name.contains("mid_block.attentions")));
}
