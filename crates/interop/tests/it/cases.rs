//! What the reference library answered, recorded by `cases/record.py`.

use std::path::Path;

use burn::tensor::Device;
use interop::TensorFile;
use interop::conformance::{Outcome, find_cases};

#[test]
fn recorded_cases_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = find_cases(&folder).unwrap();
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let recorded = [
        "clip_text_masked",
        "condition_added",
        "condition_beside",
        "condition_odd",
        "condition_only",
        "condition_sizes",
        "ddim_linspace",
        "ddim_v_trailing",
        "ddpm_learned_range",
        "ddpm_pipeline",
        "dpm_multistep_sde_karras",
        "dpm_singlestep_order_3",
        "euler_between",
        "euler_log_linear_karras",
        "flow_euler_shift",
        "heun_between",
        "hybrid_train_step",
        "image_skips",
        "kdpm2_ancestral",
        "kdpm2_ancestral_karras",
        "labelled_train_step",
        "ldm_bert",
        "pndm_runge_kutta",
        "stable_diffusion",
        "stable_diffusion_img2img",
        "stable_diffusion_inpaint",
        "stable_diffusion_old",
        "stable_diffusion_pndm_late",
        "stable_diffusion_single_late",
        "stable_diffusion_tcd",
        "stable_diffusion_xl",
        "t5_buckets",
        "tokenizer_added",
        "tokenizer_bert",
        "tokenizer_clip",
        "unipc_order_3",
    ];
    assert_eq!(names, recorded);
    for case in cases {
        let report = case.run(&Device::flex());
        assert!(report.passed(), "{report}");
    }
}

/// A walk is not excused by the roundings of single precision where they are small.
#[test]
fn what_is_wrong_is_not_taken_for_rounding() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/kdpm2_ancestral");
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(recorded).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let mut io = TensorFile::read(&folder.path().join("io.safetensors")).unwrap();
    io.tensors.get_mut("prev_sample").unwrap().values.iter_mut().for_each(|value| *value *= 1.0003);
    io.write().unwrap();
    let report = find_cases(folder.path()).unwrap()[0].run(&Device::flex());
    assert!(matches!(report.outcome, Outcome::Compared(_)) && !report.passed(), "{report}");
}
