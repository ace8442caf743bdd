//! Autoencoders in the layout of the reference library: what it answers, recorded by `golden/make.py`, and folders that
//! are written and read back.

use std::path::Path;

use autoencoder::{KlConfig, LatentScale, Tiling, TrunkConfig, VqConfig};
use burn::tensor::{DType, Device, Tensor, TensorData};
use interop::{HostTensor, KlFolder, TensorFile, VqFolder};
use serde::Deserialize;
use serde_json::{Value, json};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

#[derive(Deserialize)]
struct Case {
    name: String,
    config: Value,
    shape: [usize; 4],
    parameters: usize,
    outputs: Outputs,
}

#[derive(Deserialize)]
struct Outputs {
    latent: Vec<f32>,
    indices: Option<Vec<f32>>,
    decoded: Vec<f32>,
}

fn case(name: &str) -> Case {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/autoencoders.json")).unwrap();
    cases.into_iter().find(|case| case.name == name).unwrap()
}

fn waves(name: &str, shape: &[usize]) -> HostTensor {
    let offset = if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
    let phase = name.bytes().map(f64::from).sum::<f64>();
    let wave = |i: usize| (offset + 0.2 * (phase + 0.7 * i as f64).sin()) as f32;
    HostTensor { shape: shape.to_vec(), values: (1..=shape.iter().product()).map(wave).collect() }
}

impl Case {
    /// Writes the folder as the reference library would, from the names and shapes that `write` gives its tensors.
    fn folder(&self, write: impl FnOnce(&Path)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let mut file = TensorFile::read(&folder.path().join(WEIGHTS)).unwrap();
        for (name, tensor) in &mut file.tensors {
            *tensor = waves(name, &tensor.shape);
        }
        let parameters: usize = file.tensors.values().map(|tensor| tensor.values.len()).sum();
        assert_eq!(parameters, self.parameters, "{}", self.name);
        file.write().unwrap();
        std::fs::write(folder.path().join("config.json"), self.config.to_string()).unwrap();
        folder
    }

    fn kl(&self, config: KlConfig) -> KlFolder {
        let folder =
            self.folder(|path| kl_folder(config.clone(), LatentScale::default()).write(path).unwrap());
        let read = KlFolder::read(folder.path(), &Device::flex(), DType::F32).unwrap();
        let resolved =
            TrunkConfig { norm_groups: Some(config.trunk.resolved_norm_groups()), ..config.trunk.clone() };
        assert_eq!(read.config, KlConfig { trunk: resolved, ..config }, "{}", self.name);
        read
    }

    fn image(&self) -> Tensor<4> {
        let values = (1..=self.shape.iter().product()).map(|i| (i as f64).sin() as f32).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(values, self.shape), &Device::flex())
    }
}

fn kl_folder(config: KlConfig, scale: LatentScale) -> KlFolder {
    let network = config.init(&Device::flex(), 7).unwrap();
    KlFolder { network, config, scale, sample_size: 8, force_upcast: true }
}

#[track_caller]
fn near(ours: Tensor<4>, recorded: &[f32], what: &str) {
    let ours = ours.try_into_vec_as::<f32>().unwrap();
    assert_eq!(ours.len(), recorded.len(), "{what}");
    let largest = recorded.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let error = ours.iter().zip(recorded).fold(0.0_f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(error < 1e-5 * largest, "{what}: {error} of {largest}");
}

#[test]
fn attention_in_the_levels_and_odd_sizes() {
    let case = case("attended");
    let trunk = TrunkConfig {
        in_channels: 2,
        latent_channels: 2,
        channels: 4,
        channel_mult: vec![1, 2],
        num_res_blocks: 2,
        encoder_attention: vec![0],
        decoder_attention: vec![1],
        norm_groups: Some(2),
        activation: unet::Activation::Gelu,
        ..TrunkConfig::default()
    };
    let folder = case.kl(KlConfig { trunk, quant_conv: false, post_quant_conv: false });
    assert_eq!(folder.scale, LatentScale { shift: vec![0.25], scale: vec![2.0] });
    let moments = folder.network.moments(case.image());
    near(moments.clone(), &case.outputs.latent, "moments");
    near(folder.network.decode(moments.narrow(1, 0, 2)), &case.outputs.decoded, "decoded");
}

#[test]
fn large_images_go_tile_by_tile() {
    let case = case("tiled");
    let trunk = TrunkConfig {
        in_channels: 1,
        out_channels: 1,
        latent_channels: 1,
        channels: 4,
        channel_mult: vec![1, 1],
        norm_groups: Some(2),
        ..TrunkConfig::default()
    };
    let KlFolder { network, config, sample_size, .. } = case.kl(KlConfig { trunk, ..KlConfig::default() });
    let tiling = Tiling::new(sample_size / config.trunk.factor(), config.trunk.factor()).unwrap();
    let moments = tiling.encode(case.image(), |tile| network.moments(tile));
    near(moments.clone(), &case.outputs.latent, "moments");
    let decoded = tiling.decode(moments.narrow(1, 0, 1), |tile| network.decode(tile));
    near(decoded, &case.outputs.decoded, "decoded");
}

#[test]
fn the_latent_modulates_the_norms_of_movq() {
    let trunk = TrunkConfig {
        latent_channels: 3,
        channels: 32,
        channel_mult: vec![1, 2],
        encoder_attention: vec![1],
        decoder_attention: vec![1],
        norm_groups: Some(32),
        ..TrunkConfig::default()
    };
    agrees(&case("movq"), VqConfig { trunk, codes: 12, code_channels: None, spatial_norm: true });
}

#[test]
fn codes_of_another_length_than_the_latent_has_channels() {
    let trunk = TrunkConfig { latent_channels: 3, ..small() };
    agrees(&case("codes"), VqConfig { trunk, codes: 9, code_channels: Some(2), spatial_norm: false });
}

#[track_caller]
fn agrees(case: &Case, config: VqConfig) {
    let folder = case.folder(|path| vq_folder(config.clone()).write(path).unwrap());
    let read = VqFolder::read(folder.path(), &Device::flex(), DType::F32).unwrap();
    assert_eq!(read.config, config);
    let latent = read.network.encode(case.image());
    near(latent.clone(), &case.outputs.latent, "latent");
    let quantized = read.network.codebook().quantize(latent);
    let indices = quantized.indices.float().unsqueeze::<4>();
    near(indices, case.outputs.indices.as_deref().unwrap(), "indices");
    near(read.network.decode(quantized.latent), &case.outputs.decoded, "decoded");
}

fn vq_folder(config: VqConfig) -> VqFolder {
    let network = config.init(&Device::flex(), 7).unwrap();
    VqFolder { network, config, scale: LatentScale::uniform(0.5), sample_size: 8, force_upcast: false }
}

fn small() -> TrunkConfig {
    TrunkConfig {
        latent_channels: 2,
        channels: 4,
        channel_mult: vec![1, 2],
        norm_groups: Some(2),
        ..TrunkConfig::default()
    }
}

#[test]
fn folders_read_back_what_was_written() {
    let temporary = tempfile::tempdir().unwrap();
    let image = Tensor::<4>::ones([1, 3, 8, 8], &Device::flex());
    let scales = [
        LatentScale { shift: vec![0.1], scale: vec![3.0] },
        LatentScale { shift: vec![0.25, -0.5], scale: vec![2.0, 4.0] },
    ];
    for scale in scales {
        let written = kl_folder(KlConfig { trunk: small(), ..KlConfig::default() }, scale);
        written.write(temporary.path()).unwrap();
        let read = KlFolder::read(temporary.path(), &Device::flex(), DType::F32).unwrap();
        assert_eq!((&read.config, &read.scale), (&written.config, &written.scale));
        let [ours, theirs] =
            [&read, &written].map(|folder| folder.network.moments(image.clone()).into_data());
        ours.assert_eq(&theirs, true);
    }

    let shifted = LatentScale { shift: vec![0.1], scale: vec![3.0] };
    let written =
        VqFolder { scale: shifted, ..vq_folder(VqConfig { trunk: small(), ..VqConfig::default() }) };
    let error = written.write(temporary.path()).unwrap_err().to_string();
    assert!(error.contains("of a VQModel has no counterpart"), "{error}");
}

/// Weights in half precision are read in the precision that is asked for.
#[test]
fn half_precision_is_widened_or_kept() {
    let temporary = tempfile::tempdir().unwrap();
    kl_folder(KlConfig { trunk: small(), ..KlConfig::default() }, LatentScale::default())
        .write(temporary.path())
        .unwrap();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let read = KlFolder::read(temporary.path(), &Device::flex(), dtype).unwrap();
        let image = Tensor::<4>::ones([1, 3, 8, 8], (&Device::flex(), dtype));
        let decoded = read.network.decode(read.network.encode(image).mean);
        assert_eq!(decoded.dtype(), dtype);
        assert!(decoded.is_finite().all().into_scalar::<bool>());
    }
}

#[test]
fn options_that_we_do_not_have_are_named() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("config.json");
    kl_folder(KlConfig { trunk: small(), ..KlConfig::default() }, LatentScale::default())
        .write(temporary.path())
        .unwrap();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let cases = [
        ("act_fn", json!("tanh"), "act_fn = \"tanh\" is not supported"),
        ("new_option", json!(3), "new_option = 3 is not supported"),
        ("_class_name", json!("VQModel"), "_class_name = \"VQModel\" is not supported"),
        (
            "down_block_types",
            json!(["DownBlock2D", "DownEncoderBlock2D"]),
            "down_block_types = \"DownBlock2D\"",
        ),
        ("up_block_types", json!(["UpDecoderBlock2D"]), "up_block_types = [\"UpDecoderBlock2D\"]"),
        ("block_out_channels", json!([0]), "block_out_channels = [0] is not supported"),
        ("norm_num_groups", json!(3), "3 groups of a norm do not divide the 4 channels of level 0"),
        ("latents_mean", json!([1.0]), "latents_mean = \"[1.0] without latents_std\""),
        ("scaling_factor", json!(0.0), "scale holds 0; use a positive number"),
        ("latent_channels", json!(3), "the weights in"),
    ];
    for (key, value, expected) in cases {
        let mut keys = written.clone();
        keys[key] = value;
        std::fs::write(&path, keys.to_string()).unwrap();
        let error = KlFolder::read(temporary.path(), &Device::flex(), DType::F32).unwrap_err().to_string();
        assert!(error.contains(expected), "{key}: {error}");
    }
}
