use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::invocation::Invocation;
use super::verdict::Fault;

/// So many inputs are kept of each fault.
const OF_EACH: usize = 3;

/// Inputs that showed a fault, in a folder.
pub struct Kept {
    folder: PathBuf,
    faults: BTreeMap<String, usize>,
}

impl Kept {
    /// None yet, in a folder that may be absent.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, faults: BTreeMap::new() }
    }

    /// How many different faults were found.
    pub fn faults(&self) -> usize {
        self.faults.len()
    }

    /// Moves an input from `made` to a folder called `name`, and says how to repeat it.
    ///
    /// # Errors
    ///
    /// If it cannot be moved.
    pub fn add(&mut self, fault: &Fault, name: &str, made: &Path, invocation: &Invocation) -> Result<()> {
        let times = self.faults.entry(fault.name.clone()).or_insert(0);
        *times += 1;
        if *times > OF_EACH {
            return Ok(());
        }
        let to = self.folder.join(name.to_lowercase());
        let context = || format!("failed to keep {}", to.display());
        fs::create_dir_all(&self.folder).with_context(context)?;
        if to.exists() {
            fs::remove_dir_all(&to).with_context(context)?;
        }
        fs::rename(made, &to).with_context(context)?;
        terminal::say(format_args!("fault: {} {}", fault.name, fault.message));
        terminal::say(format_args!(
            "  {}\n  again: cargo xtask fuzz --repeat {}",
            invocation.line(),
            to.display()
        ));
        Ok(())
    }
}
