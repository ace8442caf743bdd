//! What a user is told of a folder that does not fit.

use std::fs;
use std::path::Path;

use burn::tensor::{DType, Device};
use interop::pipeline::TextStage;
use interop::{ModelFolder, TensorFile, unet_tensors};
use serde_json::{Value, json};

use crate::round_trip::exported;

const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";
const UNET: &str = "unet/config.json";
const SCHEDULER: &str = "scheduler/scheduler_config.json";

/// The error that reading an exported folder gives after `damage`, without the folder's own path.
fn told(damage: impl FnOnce(&Path)) -> String {
    let (_folder, path) = exported();
    damage(&path);
    let error = ModelFolder::read(&path, &Device::flex()).map(drop).unwrap_err();
    error.to_string().replace(&format!("{}/", path.display()), "")
}

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut keys: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    change(&mut keys);
    fs::write(file, keys.to_string()).unwrap();
}

fn set(file: &str, key: &str, value: Value) -> impl FnOnce(&Path) {
    move |folder| edit(&folder.join(file), |keys| keys[key] = value)
}

#[test]
fn tensors_that_do_not_fit_are_listed_together() {
    let text = told(|folder| {
        let mut file = TensorFile::read(&folder.join(WEIGHTS)).unwrap();
        let mut moved = file.tensors.remove("conv_in.bias").unwrap();
        file.tensors.remove("conv_in.weight").unwrap();
        moved.shape = vec![4, 8];
        file.tensors.insert("conv_out.weight".into(), moved.clone());
        file.tensors.insert("nobody.knows".into(), moved);
        file.write().unwrap();
    });
    assert_eq!(
        text,
        "the weights in unet/diffusion_pytorch_model.safetensors are not those of unet/config.json:\n  \
         missing: conv_in.bias [32]\n  \
         missing: conv_in.weight [32, 1, 3, 3]\n  \
         misshapen: conv_out.weight is [4, 8], not [1, 32, 3, 3]\n  \
         superfluous: nobody.knows [4, 8]"
    );
}

#[test]
fn options_that_we_do_not_have_are_named() {
    let cases = [
        (UNET, "act_fn", json!("tanh"), "unet/config.json: act_fn = \"tanh\" is not supported"),
        (UNET, "new_option", json!(3), "unet/config.json: new_option = 3 is not supported"),
        (UNET, "down_block_types", json!(["KDownBlock2D"]), "down_block_types = \"KDownBlock2D\""),
        (UNET, "resnet_time_scale_shift", json!("spatial"), "resnet_time_scale_shift = \"spatial\""),
        (UNET, "class_embed_type", json!("timestep"), "class_embed_type = number is not supported"),
        (UNET, "norm_num_groups", json!(7), "norm_groups 7 does not divide the 32 channels of level 0"),
        (UNET, "sample_size", json!(null), "sample_size = null is not supported"),
        (UNET, "norm_num_groups", json!(null), "norm_num_groups = null with DownBlock2D"),
        (UNET, "layers_per_block", json!(200), "it describes a network of"),
        (UNET, "sample_size", json!(65536), "unet/config.json: sample_size = 65536x65536 needs at least"),
        (UNET, "in_channels", json!(4), "in_channels = 4 in a folder without an autoencoder"),
        (UNET, "in_channels", json!(u64::MAX), "in_channels is 18446744073709551615; use at most 16384"),
        (UNET, "sample_size", json!([8, 7]), "sample_size = [8, 7] is not supported"),
        (UNET, "sample_size", json!([8, 1_000_000_000_000_u64]), "is not supported"),
        (UNET, "block_out_channels", json!([]), "block_out_channels = [] is not supported"),
        (UNET, "block_out_channels", json!([32, 0]), "channel_mult is 0; use at least 1"),
        (UNET, "attention_head_dim", json!(0), "head_channels is 0; use at least 1"),
        (UNET, "down_block_types", json!(["DownBlock2D"]), "down_blocks holds 1 blocks"),
        (UNET, "num_class_embeds", json!(0), "num_classes is 0; use at least 1"),
        (
            SCHEDULER,
            "num_train_timesteps",
            json!(1_000_000_000_000_u64),
            "num_train_timesteps = 1000000000000: it must be a whole number from 1 to 1000000",
        ),
        (UNET, "_class_name", json!("VQModel"), "_class_name = \"VQModel\" is not supported"),
        (SCHEDULER, "new_option", json!(3), "it cannot be used: new_option = 3"),
        (SCHEDULER, "prediction_type", json!("score"), "it cannot be used: prediction_type = score"),
        (SCHEDULER, "clip_sample_range", json!(-1.0), "clip_sample_range = -1.0: it must be above 0"),
        (SCHEDULER, "_class_name", json!("NoScheduler"), "there is no counterpart of NoScheduler"),
        (SCHEDULER, "beta_schedule", json!("wavy"), "it cannot be used: beta_schedule = wavy"),
        (SCHEDULER, "num_train_timesteps", json!(1), "it cannot be used: a chain of one timestep"),
        (SCHEDULER, "num_train_timesteps", json!(0), "num_train_timesteps = 0: it must be a whole number"),
        ("model_index.json", "vqvae", json!(["diffusers", "VQModel"]), "vqvae = [\"diffusers\",\"VQModel\"]"),
        ("model_index.json", "unet", json!([null, null]), "it names no unet"),
    ];
    for (file, key, value, expected) in cases {
        let text = told(set(file, key, value));
        assert!(text.contains(expected), "{key}: {text}");
    }
}

#[test]
fn numbers_outside_a_solver_are_refused() {
    let cases = [
        ("DPMSolverMultistepScheduler", "solver_order", 0),
        ("DPMSolverSinglestepScheduler", "solver_order", 4),
        ("UniPCMultistepScheduler", "solver_order", 0),
        ("DEISMultistepScheduler", "solver_order", 9),
        ("LCMScheduler", "original_inference_steps", 5000),
        ("FlowMatchEulerDiscreteScheduler", "num_train_timesteps", 0),
    ];
    for (class, key, value) in cases {
        let text = told(|folder| {
            let keys = json!({ "_class_name": class, key: value });
            fs::write(folder.join(SCHEDULER), keys.to_string()).unwrap();
        });
        assert!(text.contains(&format!("it cannot be used: {key} = {value}")), "{class}: {text}");
    }
}

#[test]
fn files_that_are_missing_or_damaged_are_named() {
    for file in ["model_index.json", UNET, SCHEDULER, WEIGHTS] {
        let missing = told(|folder| fs::remove_file(folder.join(file)).unwrap());
        let expected = format!("failed to read {file}");
        let expected =
            if file == WEIGHTS { "holds no weights: it needs diffusion_pytorch_model" } else { &expected };
        assert!(missing.contains(expected), "{missing}");
        let cut = told(|folder| {
            let bytes = fs::read(folder.join(file)).unwrap();
            fs::write(folder.join(file), &bytes[..bytes.len() / 2]).unwrap();
        });
        assert!(cut.contains(&format!("failed to read {file}")), "{cut}");
    }
    let pickle = told(|folder| {
        fs::rename(folder.join(WEIGHTS), folder.join("unet/diffusion_pytorch_model.bin")).unwrap();
    });
    assert!(pickle.contains("save it again with `save_pretrained`"), "{pickle}");
}

/// Checkpoints from before 2023 spell attention's layers otherwise.
#[test]
fn the_old_names_of_attention_are_read() {
    let (_folder, path) = exported();
    let read = || {
        let ModelFolder { model, unet, .. } = ModelFolder::read(&path, &Device::flex()).unwrap();
        unet_tensors(&model.net, &unet).unwrap()
    };
    let before = read();
    let mut file = TensorFile::read(&path.join(WEIGHTS)).unwrap();
    let old = |name: String| {
        let pairs = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")];
        pairs.iter().fold(name, |name, (new, old)| name.replace(new, old))
    };
    file.tensors = file.tensors.into_iter().map(|(name, tensor)| (old(name), tensor)).collect();
    assert!(file.tensors.contains_key("mid_block.attentions.0.proj_attn.weight"));
    file.write().unwrap();
    assert_eq!(read(), before);
}

/// As google/ddpm-cifar10-32 and others of the first folders are.
#[test]
fn the_parts_of_a_flat_folder_lie_beside_its_index() {
    let (_folder, path) = exported();
    let tensors = || {
        let ModelFolder { model, unet, .. } = ModelFolder::read(&path, &Device::flex()).unwrap();
        unet_tensors(&model.net, &unet).unwrap()
    };
    let before = tensors();
    // What lies beside the index is not read where a part has a folder.
    fs::write(path.join("config.json"), "{").unwrap();
    assert_eq!(tensors(), before);
    for part in ["unet", "scheduler"] {
        for entry in fs::read_dir(path.join(part)).unwrap() {
            let file = entry.unwrap().path();
            fs::rename(&file, path.join(file.file_name().unwrap())).unwrap();
        }
        fs::remove_dir(path.join(part)).unwrap();
    }
    assert_eq!(tensors(), before);
}

#[test]
fn what_git_lfs_has_not_fetched_is_named() {
    let text = told(|folder| {
        fs::write(
            folder.join(WEIGHTS),
            "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
        )
        .unwrap();
    });
    assert!(
        text.contains("git lfs pull") && text.ends_with("\n  diffusion_pytorch_model.safetensors"),
        "{text}"
    );
}

/// What their encoders make of a prompt stands side by side.
#[test]
fn two_tokenizers_have_one_length() {
    let folder = tempfile::tempdir().unwrap();
    crate::copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stable_diffusion_xl"),
        folder.path(),
    );
    assert!(TextStage::read(folder.path(), &Device::flex(), DType::F32).unwrap().is_some());
    set("tokenizer_2/tokenizer_config.json", "model_max_length", json!(2))(folder.path());
    let error = TextStage::read(folder.path(), &Device::flex(), DType::F32).unwrap_err().to_string();
    assert!(error.contains("model_max_length = 2 beside 77 of the other tokenizer"), "{error}");
}
