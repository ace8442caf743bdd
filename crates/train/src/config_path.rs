use std::path::Path;

use terminal::{meant, quoted};

use crate::error::TrainError;

/// Refuses a configuration that is not there.
///
/// # Errors
///
/// One that says what is there instead, or what may have been meant.
pub fn check_config_path(path: &Path) -> Result<(), TrainError> {
    if path.exists() && !path.is_dir() {
        return Ok(());
    }
    let hint = match meant(path, &["configs"], ".toml") {
        _ if path.join("config.toml").is_file() => {
            "it is the folder of a run: go on with that by `--run NAME --resume`".to_owned()
        }
        _ if path.is_dir() => "it is a folder: name a TOML file, such as those in configs/".into(),
        Some(config) => format!("did you mean {}?", quoted(config.display())),
        None => "name a TOML file, such as those in configs/".into(),
    };
    Err(TrainError::NoConfig { path: path.to_path_buf(), hint })
}
