//! What the reference library answered, recorded by `cases/record.py`.

use std::path::Path;

use burn::tensor::Device;
use interop::conformance::find_cases;

#[test]
fn recorded_cases_agree() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = find_cases(&folder).unwrap();
    let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["ddpm_pipeline", "hybrid_train_step"]);
    for case in cases {
        let report = case.run(&Device::flex());
        assert!(report.passed(), "{report}");
    }
}
