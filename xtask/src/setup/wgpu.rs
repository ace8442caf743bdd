use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::perform;
use crate::cargo::root;

/// Where the Vulkan loader looks for descriptions of drivers.
const DRIVER_FOLDERS: [&str; 3] =
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"];

const INSTALL: &str = "apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1";

/// Installs Mesa's drivers where there is no Vulkan driver at all.
pub fn setup(print: bool) -> Result<()> {
    if !cfg!(target_os = "linux") {
        terminal::say("nothing to do: wgpu uses the system's own graphics API here");
        return Ok(());
    }
    let drivers = drivers();
    if !drivers.is_empty() && !print {
        terminal::say(format_args!("nothing to do: Vulkan drivers found: {}", drivers.join(", ")));
        return Ok(());
    }
    if !print && !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "failed to install a Vulkan driver: there is no apt-get; install Mesa's Vulkan drivers and the Vulkan loader"
        );
    }
    if !print && !is_root() {
        bail!(
            "failed to install a Vulkan driver: only root may; run `sudo apt-get update && sudo {INSTALL}`"
        );
    }
    perform("apt-get update", &root(), print)?;
    perform(INSTALL, &root(), print)
}

/// The names of the installed drivers' descriptions.
fn drivers() -> Vec<String> {
    DRIVER_FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".json"))
        .collect()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
