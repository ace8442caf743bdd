//! Scheduler files as published models have them, with options of the class that they once were.

use std::fs;

use interop::FolderSampler;

const FILES: [(&str, &str); 3] = [
    (
        "Stable Diffusion 1",
        r#"{"_class_name": "PNDMScheduler", "_diffusers_version": "0.7.0.dev0", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false, "num_train_timesteps": 1000,
        "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null}"#,
    ),
    (
        "Stable Diffusion 2",
        r#"{"_class_name": "DDIMScheduler", "_diffusers_version": "0.8.0", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false, "num_train_timesteps": 1000,
        "prediction_type": "v_prediction", "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1,
        "trained_betas": null}"#,
    ),
    (
        "Stable Diffusion XL",
        r#"{"_class_name": "EulerDiscreteScheduler", "_diffusers_version": "0.19.0.dev0", "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false, "interpolation_type": "linear",
        "num_train_timesteps": 1000, "prediction_type": "epsilon", "sample_max_value": 1.0, "set_alpha_to_one": false,
        "skip_prk_steps": true, "steps_offset": 1, "timestep_spacing": "leading", "trained_betas": null,
        "use_karras_sigmas": false}"#,
    ),
];

#[test]
fn schedulers_of_published_models_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scheduler_config.json");
    for (model, text) in FILES {
        fs::write(&path, text).unwrap();
        let sampler = FolderSampler::read(&path).unwrap_or_else(|error| panic!("{model}: {error}"));
        assert!(sampler.scheduler().is_ok(), "{model}");
    }
}
