use std::fs;
use std::path::{Path, PathBuf};

use layout::listing;
use serde_json::Value;

/// Endings of single files that hold a whole model.
const SINGLE_FILES: [&str; 7] = ["safetensors", "ckpt", "bin", "pt", "pth", "gguf", "onnx"];

/// What a path is that is no folder of a pipeline, and what to give instead; nothing for one that is.
pub(super) fn found(path: &Path) -> Option<String> {
    if path.join("model_index.json").is_file() {
        return None;
    }
    if path.is_file() {
        return Some(of_file(path));
    }
    if !path.is_dir() {
        return Some("does not exist: give a folder with a model_index.json".into());
    }
    if let Some(snapshots) = snapshots(path) {
        return Some(format!("is a model in the hub's cache: give {snapshots}"));
    }
    let cached = folders(path).into_iter().find_map(|folder| snapshots(&folder));
    if let Some(snapshots) = cached {
        return Some(format!("is the hub's cache of models: give one of them, as {snapshots}"));
    }
    let there = listing(path);
    match part_class(path) {
        Some(class) => Some(format!(
            "is a single part, {class}, and draws nothing by itself: give the folder of its pipeline, which has a \
             model_index.json; it holds: {there}"
        )),
        None => Some(format!("holds no model_index.json: give a folder that has one; it holds: {there}")),
    }
}

fn of_file(path: &Path) -> String {
    let is_model = |ending: &std::ffi::OsStr| SINGLE_FILES.iter().any(|known| ending == *known);
    if path.extension().is_some_and(is_model) {
        "is a single file, and a model is read from a folder: make one in Python, with the reference library's \
         `DiffusionPipeline.from_single_file(...).save_pretrained(...)`"
            .into()
    } else {
        "is a file: give a folder with a model_index.json".into()
    }
}

/// The snapshots in the folder of a model in the hub's cache, where it is one.
fn snapshots(path: &Path) -> Option<String> {
    let all = folders(&path.join("snapshots"));
    let is_model =
        |snapshot: &PathBuf| fs::read_dir(snapshot).is_ok_and(|mut entries| entries.next().is_some());
    let all: Vec<String> = all
        .into_iter()
        .filter(is_model)
        .map(|path| path.display().to_string().escape_debug().to_string())
        .collect();
    (!all.is_empty()).then(|| all.join(" or "))
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The class of a part's folder.
fn part_class(path: &Path) -> Option<String> {
    let names = ["config.json", "scheduler_config.json", "tokenizer_config.json"];
    let text = names.iter().find_map(|name| fs::read_to_string(path.join(name)).ok())?;
    let keys: Value = serde_json::from_str(&text).ok()?;
    let class = [&keys["_class_name"], &keys["architectures"][0], &keys["tokenizer_class"]];
    class.into_iter().find_map(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_called_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let says = |path: &Path, text: &str| {
            let found = found(path).unwrap();
            assert!(found.contains(text), "{found}");
        };
        says(&at("nothing"), "does not exist");
        fs::write(at("model.safetensors"), "").unwrap();
        says(&at("model.safetensors"), "is a single file");
        fs::write(at("notes.txt"), "").unwrap();
        says(&at("notes.txt"), "is a file: give");
        let model = at("models--us--cats");
        fs::create_dir_all(model.join("snapshots/4f2a/unet")).unwrap();
        says(&model, "is a model in the hub's cache: give");
        says(&model, "models--us--cats/snapshots/4f2a");
        says(folder.path(), "is the hub's cache of models");
        let unet = model.join("snapshots/4f2a/unet");
        fs::write(unet.join("config.json"), r#"{"_class_name": "UNet2DModel"}"#).unwrap();
        says(&unet, "is a single part, UNet2DModel");
        says(&unet, "it holds: config.json");
        says(&model.join("snapshots/4f2a"), "it holds: unet/");
        fs::write(model.join("snapshots/4f2a/model_index.json"), "{}").unwrap();
        assert_eq!(found(&model.join("snapshots/4f2a")), None);
    }
}
