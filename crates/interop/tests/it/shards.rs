//! Weights in several files with an index of what each holds.

use std::fs;
use std::path::Path;

use autoencoder::{KlConfig, LatentScale, TrunkConfig};
use burn::tensor::{DType, Device, Tensor};
use interop::{KlFolder, TensorFile, TensorStore};
use serde_json::{Value, json};

const WHOLE: &str = "diffusion_pytorch_model.safetensors";
const INDEX: &str = "diffusion_pytorch_model.safetensors.index.json";
const SHARDS: [&str; 2] = [
    "diffusion_pytorch_model-00001-of-00002.safetensors",
    "diffusion_pytorch_model-00002-of-00002.safetensors",
];

fn written(folder: &Path) -> KlFolder {
    let trunk =
        TrunkConfig { channels: 4, channel_mult: vec![1, 2], norm_groups: Some(2), ..TrunkConfig::default() };
    let config = KlConfig { trunk, ..KlConfig::default() };
    let network = config.init(&Device::flex(), 3).unwrap();
    let whole =
        KlFolder { network, config, scale: LatentScale::default(), sample_size: 8, force_upcast: true };
    whole.write(folder).unwrap();
    whole
}

/// Splits the weights of a folder: every other tensor goes to the second file.
fn split(folder: &Path) -> Value {
    let whole = TensorFile::read(&folder.join(WHOLE)).unwrap();
    fs::remove_file(folder.join(WHOLE)).unwrap();
    let names: Vec<String> = whole.tensors.keys().cloned().collect();
    for (parity, shard) in SHARDS.into_iter().enumerate() {
        let own = |name: &String| names.iter().position(|other| other == name).unwrap() % 2 == parity;
        let tensors = whole.tensors.clone().into_iter().filter(|(name, _)| own(name)).collect();
        TensorFile { path: folder.join(shard), tensors }.write().unwrap();
    }
    let map: serde_json::Map<String, Value> =
        names.iter().enumerate().map(|(i, name)| (name.clone(), json!(SHARDS[i % 2]))).collect();
    json!({"metadata": {"total_size": 1}, "weight_map": map})
}

#[test]
fn shards_are_one_network() {
    let temporary = tempfile::tempdir().unwrap();
    let whole = written(temporary.path());
    let index = split(temporary.path()).to_string();
    let of_variant = ["safetensors.index.fp16.json", "safetensors.fp16.index.json"];
    let of_variant = of_variant.map(|ending| format!("diffusion_pytorch_model.{ending}"));
    for name in [INDEX, &of_variant[0], &of_variant[1]] {
        fs::write(temporary.path().join(name), &index).unwrap();
        let read = KlFolder::read(temporary.path(), &Device::flex(), DType::F32).unwrap();
        let image = Tensor::<4>::ones([1, 3, 8, 8], &Device::flex());
        let [ours, theirs] = [&read, &whole].map(|folder| folder.network.moments(image.clone()).into_data());
        ours.assert_eq(&theirs, true);
        fs::remove_file(temporary.path().join(name)).unwrap();
    }
}

/// Two bytes of a shape, so that the numbers would end 2^64 bytes behind their beginning.
#[test]
fn offsets_that_wrap_are_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("weights.safetensors");
    let header =
        format!(r#"{{"a":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}}}"#, u64::MAX - 3, u64::MAX);
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    fs::write(&path, bytes).unwrap();
    let error = TensorStore::open(&path).unwrap_err().to_string();
    assert!(error.contains("is not where its header says") || error.contains("failed to read"), "{error}");
}

#[test]
fn shards_that_do_not_fit_their_index_are_named() {
    let temporary = tempfile::tempdir().unwrap();
    written(temporary.path());
    let index = split(temporary.path());
    let told = |change: &dyn Fn(&mut Value)| {
        let mut index = index.clone();
        change(&mut index);
        fs::write(temporary.path().join(INDEX), index.to_string()).unwrap();
        KlFolder::read(temporary.path(), &Device::flex(), DType::F32).unwrap_err().to_string()
    };
    let absent = told(&|index| index["weight_map"]["conv"] = json!("nowhere.safetensors"));
    assert!(absent.contains("failed to read") && absent.contains("nowhere.safetensors"), "{absent}");
    let wrong = told(&|index| {
        let shard = index["weight_map"]["post_quant_conv.bias"].clone();
        let other = SHARDS.into_iter().find(|name| shard != json!(name)).unwrap();
        index["weight_map"]["post_quant_conv.bias"] = json!(other);
    });
    assert!(wrong.ends_with("holds no tensor post_quant_conv.bias"), "{wrong}");
    let outside = told(&|index| index["weight_map"]["conv"] = json!("../secret.safetensors"));
    assert!(outside.ends_with("../secret.safetensors is not beside it"), "{outside}");
    let damaged = told(&|index| index["weight_map"] = json!(3));
    assert!(damaged.contains(INDEX), "{damaged}");
}

/// Written by `golden/make.py`: a view shares its numbers with the whole, and what is no tensor is left out.
#[test]
fn torchs_own_files_are_read_without_running_them() {
    let bytes = include_bytes!("../golden/torch.bin");
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("weights.bin");
    fs::write(&path, bytes).unwrap();
    let store = TensorStore::open(&path).unwrap();
    let found: Vec<(&str, Vec<usize>)> = store.shapes().map(|(name, shape)| (name, shape.to_vec())).collect();
    let expected: [(&str, &[usize], &[f32]); 5] = [
        ("brain", &[2], &[1.5, -2.0]),
        ("column", &[4, 1], &[0.25; 4]),
        ("number", &[], &[7.0]),
        ("row", &[3], &[3.0, 4.0, 5.0]),
        ("whole", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    ];
    assert_eq!(found, expected.map(|(name, shape, _)| (name, shape.to_vec())));
    for (name, _, values) in expected {
        assert_eq!(store.read(name).unwrap().values, values, "{name}");
    }
    for length in (0..bytes.len()).step_by(37) {
        fs::write(&path, &bytes[..length]).unwrap();
        assert!(TensorStore::open(&path).is_err(), "{length}");
    }
}

#[test]
fn a_header_that_lies_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    written(temporary.path());
    let path = temporary.path().join(WHOLE);
    let bytes = fs::read(&path).unwrap();
    let mut endless = bytes.clone();
    endless[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    for (damaged, expected) in [
        (&bytes[..5], "too short to be a safetensors file"),
        (&endless, "its header is said to be"),
        (&bytes[..bytes.len() - 9], "is not where its header says"),
    ] {
        fs::write(&path, damaged).unwrap();
        let error = KlFolder::read(temporary.path(), &Device::flex(), DType::F32).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
