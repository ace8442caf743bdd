//! What a pipeline's class means for the parts of its folder: corrections of old files, and defaults.

use std::fs;
use std::path::Path;

use burn::tensor::{DType, Device};
use interop::pipeline::{Defaults, FirstStage, ModelIndex, Pipeline, PipelineKind, Task};
use interop::{ModelFolder, read_unet_config, write_unet};
use serde_json::{Value, json};
use tempfile::TempDir;
use unet::UNetConfig;

use crate::copy;

fn recorded(name: &str) -> TempDir {
    let there = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name), there.path());
    there
}

fn change(file: &Path, keys: &[(&str, Value)]) {
    let mut json: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    for (key, value) in keys {
        json[*key] = value.clone();
    }
    fs::write(file, json.to_string()).unwrap();
}

/// Stable Diffusion as a folder of a class.
fn of_class(class: &str) -> TempDir {
    let there = recorded("stable_diffusion");
    let part = json!(["diffusers", "DDPMScheduler"]);
    change(
        &there.path().join("model_index.json"),
        &[("_class_name", json!(class)), ("low_res_scheduler", part)],
    );
    let scheduler = there.path().join("low_res_scheduler");
    fs::create_dir(&scheduler).unwrap();
    fs::write(scheduler.join("scheduler_config.json"), r#"{"_class_name": "DDPMScheduler"}"#).unwrap();
    there
}

fn read(folder: &TempDir) -> Pipeline {
    Pipeline::read(folder.path(), &Device::flex(), DType::F32).unwrap()
}

#[test]
fn networks_older_than_0_9_0_are_as_large_as_stable_diffusion() {
    let there = recorded("stable_diffusion");
    let with = |keys: &[(&str, Value)]| {
        change(&there.path().join("unet/config.json"), keys);
        read(&there).size()
    };
    assert_eq!(with(&[]), Some([16, 16]));
    assert_eq!(with(&[("_diffusers_version", json!("0.8.1.dev0"))]), Some([128, 128]));
    assert_eq!(with(&[("_diffusers_version", json!("0.9.0"))]), Some([16, 16]));
    assert_eq!(with(&[("_diffusers_version", json!("0.10.2"))]), Some([16, 16]));
    assert_eq!(with(&[("_diffusers_version", json!("0.8.0")), ("sample_size", json!(96))]), Some([192, 192]));
    assert_eq!(with(&[("sample_size", json!([8, 8]))]), Some([16, 16]));
}

#[test]
fn the_upscalers_latents_have_its_own_scale() {
    let there = of_class("StableDiffusionUpscalePipeline");
    // Its network is shown the small image beside the latents.
    let unet = there.path().join("unet");
    let config = UNetConfig { in_channels: 7, ..read_unet_config(&unet.join("config.json")).unwrap().config };
    write_unet(&config.init(&Device::flex(), 0).unwrap(), &config, &unet).unwrap();
    let FirstStage::Kl(folder) = read(&there).first_stage else {
        panic!("no autoencoder");
    };
    assert_eq!(folder.scale.scale, [0.08333]);
}

#[test]
fn steps_are_those_of_the_class_and_the_task() {
    let steps = |class: &str, task| {
        let sampler = ModelIndex::read(of_class(class).path()).unwrap().sampler(task).unwrap();
        sampler.call().num_inference_steps.unwrap()
    };
    assert_eq!(steps("StableDiffusionPipeline", Task::Generate), 50);
    assert_eq!(steps("LatentConsistencyModelPipeline", Task::Generate), 4);
    assert_eq!(steps("StableDiffusionUpscalePipeline", Task::Generate), 75);
    assert_eq!(steps("IFPipeline", Task::Generate), 100);
    assert_eq!(steps("IFImg2ImgPipeline", Task::Change), 80);
    let strength = |kind, task| Defaults::of(kind, task).strength;
    assert_eq!(strength(PipelineKind::StableDiffusion, Task::Change), 0.8);
    assert_eq!(strength(PipelineKind::StableDiffusionXl, Task::Change), 0.3);
    assert_eq!(strength(PipelineKind::StableDiffusionXl, Task::Fill), 0.9999);
}

#[test]
fn each_class_decides_whether_a_scale_guides() {
    let guides = |kind: PipelineKind| [-1.0, 0.0, 1.0, 1.5].map(|scale| kind.guides(scale));
    assert_eq!(guides(PipelineKind::StableDiffusion), [false, false, false, true]);
    assert_eq!(guides(PipelineKind::LdmText), [true, true, false, true]);
    assert_eq!(guides(PipelineKind::LatentConsistency), [false; 4]);
}

#[test]
fn pipelines_of_pixels_have_steps_and_schedulers_of_their_own() {
    let there = recorded("ddpm_pipeline");
    let sampler = |class: &str| {
        change(&there.path().join("model_index.json"), &[("_class_name", json!(class))]);
        ModelFolder::read(there.path(), &Device::flex()).unwrap().sampler
    };
    let ddpm = sampler("DDPMPipeline");
    assert_eq!((ddpm.class(), ddpm.call().num_inference_steps), ("DDPMScheduler", Some(1000)));
    let ddim = sampler("DDIMPipeline");
    assert_eq!((ddim.class(), ddim.call().num_inference_steps), ("DDIMScheduler", Some(50)));
}
