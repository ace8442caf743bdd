//! What the reference library answered, recorded by `cases/record.py`.

use std::path::Path;

use burn::tensor::Device;
use interop::conformance::find_cases;

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
        "condition_sizes",
        "ddim_v_trailing",
        "ddpm_learned_range",
        "ddpm_pipeline",
        "dpm_multistep_sde_karras",
        "dpm_singlestep_order_3",
        "flow_euler_shift",
        "hybrid_train_step",
        "kdpm2_ancestral",
        "ldm_bert",
        "pndm_runge_kutta",
        "stable_diffusion",
        "stable_diffusion_img2img",
        "t5_buckets",
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
