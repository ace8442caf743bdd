use std::fs;
use std::path::{Path, PathBuf};

use crate::names::nearest;

/// What somebody may have meant by a path that is not there: the entry of some folders whose name, without `ending`, is that of
/// the path or the nearest to it.
pub fn meant(path: &Path, folders: &[&str], ending: &str) -> Option<PathBuf> {
    let asked = path.file_name()?.to_str()?;
    let asked = asked.strip_suffix(ending).unwrap_or(asked);
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut there: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_suffix(ending)?.to_owned(), entry.path()))
        })
        .collect();
    there.sort();
    let name = nearest(asked, there.iter().map(|(name, _)| name.as_str()))?;
    there.iter().find(|(other, _)| other == name).map(|(_, path)| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_the_nearest_name_is_meant() {
        let folder = std::env::temp_dir().join(format!("anneal-meant-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["digits-ddpm.toml", "digits-edm.toml", "mnist.toml", "notes.md"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let found = |asked: &str| meant(Path::new(asked), &[folder.to_str().unwrap()], ".toml");
        assert_eq!(found("digits-ddpm"), Some(folder.join("digits-ddpm.toml")));
        assert_eq!(found("configs/digit-ddpm.toml"), Some(folder.join("digits-ddpm.toml")));
        assert_eq!(found("zzz"), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
