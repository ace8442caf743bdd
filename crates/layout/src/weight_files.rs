use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::LayoutError;
use crate::folder_content::{is_pointer, listing};

/// Weights that lie in a folder: one file, or the index of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WeightFiles {
    One(PathBuf),
    Index(PathBuf),
}

/// What a file's name says of it, in the order in which files are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Safetensors,
    SafetensorsIndex,
    Torch,
    TorchIndex,
}

/// The weights of a part of a folder, by the names that they may begin with: those without a variant, or the only variant that
/// lies there; of these safetensors rather than torch's file, and one file rather than several.
///
/// The reference library reads a variant only when it is named, which tells several apart.
///
/// # Errors
///
/// If there are none, or none that Git LFS has fetched, or several variants and no file without one.
pub(crate) fn find(folder: &Path, stems: &[&str]) -> Result<WeightFiles, LayoutError> {
    let mut pointers = Vec::new();
    let mut found = BTreeMap::<String, BTreeMap<Kind, PathBuf>>::new();
    for entry in fs::read_dir(folder).map_err(LayoutError::io("read", folder))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_stem = |stem: &&str| parse(&name, stem);
        let Some((variant, kind)) = stems.iter().find_map(of_stem) else { continue };
        if is_pointer(&entry.path()) {
            pointers.push(entry.path());
        } else if entry.path().is_file() {
            found.entry(variant).or_default().entry(kind).or_insert(entry.path());
        }
    }
    let variants: Vec<String> = found.keys().filter(|name| !name.is_empty()).cloned().collect();
    let chosen = match found.remove("") {
        Some(plain) => Some(plain),
        None if found.len() > 1 => {
            let name = format!("{}.safetensors", stems.first().copied().unwrap_or_default());
            return Err(LayoutError::Variants { folder: folder.to_path_buf(), variants, name });
        }
        None => found.into_values().next(),
    };
    match chosen.and_then(|files| files.into_iter().next()) {
        Some((Kind::Safetensors | Kind::Torch, path)) => Ok(WeightFiles::One(path)),
        Some((_, path)) => Ok(WeightFiles::Index(path)),
        None if !pointers.is_empty() => Err(LayoutError::Pointers { folder: folder.to_path_buf(), pointers }),
        None => Err(LayoutError::NoWeights {
            folder: folder.to_path_buf(),
            wanted: stems.iter().map(|stem| format!("{stem}.safetensors or {stem}.bin")).collect(),
            there: listing(folder),
        }),
    }
}

/// The variant (empty where there is none) and the kind of the weights of a name that begins with `stem`; none for other files and
/// for single shards.
///
/// Variants stand before the last ending (`model.fp16.safetensors`, `model.safetensors.index.fp16.json`); before 0.31 the
/// reference library wrote `model.safetensors.fp16.index.json`.
fn parse(name: &str, stem: &str) -> Option<(String, Kind)> {
    let mut endings: Vec<&str> = name.strip_prefix(stem)?.strip_prefix('.')?.split('.').collect();
    let indexes = endings.last() == Some(&"json");
    if indexes {
        endings.pop();
        endings.remove(endings.iter().rposition(|ending| *ending == "index")?);
    }
    let format = endings.iter().rposition(|ending| matches!(*ending, "safetensors" | "bin"))?;
    if !indexes && format + 1 != endings.len() {
        return None;
    }
    let kind = match (endings.remove(format), indexes) {
        ("safetensors", false) => Kind::Safetensors,
        ("safetensors", true) => Kind::SafetensorsIndex,
        (_, false) => Kind::Torch,
        (_, true) => Kind::TorchIndex,
    };
    let variant = endings.join(".");
    (!is_shard(&variant)).then_some((variant, kind))
}

/// Whether a name ends in the number of a shard: `-00001-of-00002`.
fn is_shard(variant: &str) -> bool {
    let number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = variant.rsplitn(4, '-').collect();
    matches!(parts[..], [count, "of", shard, _] if number(count) && number(shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_variant_is_understood() {
        let of = |name: &str| parse(name, "model").map(|(variant, kind)| (kind, variant));
        let is = |kind, variant: &str| Some((kind, variant.to_owned()));
        assert_eq!(of("model.safetensors"), is(Kind::Safetensors, ""));
        assert_eq!(of("model.bin"), is(Kind::Torch, ""));
        assert_eq!(of("model.non_ema.bin"), is(Kind::Torch, "non_ema"));
        assert_eq!(of("model.safetensors.index.json"), is(Kind::SafetensorsIndex, ""));
        for index in ["safetensors.index.bf16", "safetensors.bf16.index", "bf16.safetensors.index"] {
            assert_eq!(of(&format!("model.{index}.json")), is(Kind::SafetensorsIndex, "bf16"), "{index}");
        }
        assert_eq!(of("model.bin.index.fp16.json"), is(Kind::TorchIndex, "fp16"));
        for none in [
            "model-00001-of-00002.safetensors",
            "model-00001-of-00002.fp16.safetensors",
            "model.fp16-00001-of-00002.safetensors",
            "model.safetensors.json",
            "model.safetensors.part",
            "other.safetensors",
            "model.json",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn the_only_variant_is_read_and_several_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let there = |name: &str| fs::write(folder.path().join(name), "").unwrap();
        let one = |name: &str| WeightFiles::One(folder.path().join(name));
        let find = || find(folder.path(), &["model", "pytorch_model"]);
        there("model.fp16-00001-of-00002.safetensors");
        let error = find().unwrap_err().to_string();
        assert!(error.contains("it holds: model.fp16-00001-of-00002.safetensors"), "{error}");
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
        fs::write(folder.path().join("model.safetensors"), pointer).unwrap();
        let error = find().unwrap_err().to_string();
        assert!(error.contains("git lfs pull") && error.contains("model.safetensors"), "{error}");
        there("pytorch_model.fp16.bin");
        assert_eq!(find().unwrap(), one("pytorch_model.fp16.bin"));
        there("model.fp16.safetensors");
        assert_eq!(find().unwrap(), one("model.fp16.safetensors"));
        there("model.ema.safetensors");
        let error = find().unwrap_err().to_string();
        assert!(error.contains("ema, fp16") && error.contains("rename"), "{error}");
        there("pytorch_model.bin");
        assert_eq!(find().unwrap(), one("pytorch_model.bin"));
        there("model.safetensors.index.json");
        assert_eq!(find().unwrap(), WeightFiles::Index(folder.path().join("model.safetensors.index.json")));
    }
}
