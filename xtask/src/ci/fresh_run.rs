use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cargo::root;

/// A folder in `runs/` that is absent before and after.
pub struct FreshRun {
    /// Where it is.
    pub folder: PathBuf,
}

impl FreshRun {
    /// Removes what is there.
    pub fn new(name: &str) -> Result<Self> {
        let folder = root().join("runs").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))?;
        }
        Ok(Self { folder })
    }
}

impl Drop for FreshRun {
    fn drop(&mut self) {
        // What stays behind is ignored by git, and the next run of this step starts by removing it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
