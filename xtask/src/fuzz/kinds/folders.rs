use std::fs;
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;

use super::{model, mutate_file, write};
use crate::fuzz::bytes::replace_file;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose, files};
use crate::fuzz::tree::Tree;

/// A pipeline, or a recorded case of a model or scheduler, whose JSON says something else or whose files are others.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let invocation = match rng.bool() {
        true => drawn(rng, seeds, folder)?,
        false => {
            let cases = seeds.names("crates/interop/tests/cases")?;
            let cases: Vec<_> = cases.into_iter().filter(|name| !name.contains('.')).collect();
            seeds.copy(
                &format!("crates/interop/tests/cases/{}", choose(rng, &cases)),
                &folder.join("model"),
            )?;
            Invocation::new("conformance", "model")
        }
    };
    let files = files(&folder.join("model"));
    if rng.u8(..) < 25 {
        replace_file(&choose(rng, &files), rng)?;
        return Ok(invocation);
    }
    let is_meaning = |path: &std::path::PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".json") && !["vocab.json", "cases.json", "tokenizer.json"].contains(&&*name)
    };
    let files: Vec<_> = files.into_iter().filter(is_meaning).collect();
    for _ in 0..rng.usize(1..3) {
        let file = choose(rng, &files);
        if rng.u8(..) < 100 {
            cross(&file, rng, seeds)?;
        }
        mutate_file(&file, rng)?;
    }
    Ok(invocation)
}

/// A pipeline, sometimes one that begins with a picture.
fn drawn(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let invocation = model(rng, seeds, folder, "2")?;
    if rng.u8(..) > 60 {
        return Ok(invocation);
    }
    seeds.copy("xtask/seeds/picture.png", &folder.join("picture.png"))?;
    Ok(invocation.and(["--init-image", "picture.png", "--strength", "0.7"]))
}

/// Takes over keys of the file of the same name in other cases.
fn cross(path: &Path, rng: &mut Rng, seeds: &Seeds) -> Result<()> {
    let mut others = files(&seeds.path("crates/interop/tests/cases"));
    others.retain(|other| other.file_name() == path.file_name());
    let (Some(mut tree), Some(other)) = (read(path), read(&choose(rng, &others))) else { return Ok(()) };
    for _ in 0..rng.usize(1..4) {
        tree.cross(&other, rng);
    }
    write(path, tree.json())
}

fn read(path: &Path) -> Option<Tree> {
    serde_json::from_slice::<serde_json::Value>(&fs::read(path).ok()?).ok().map(Tree::from)
}
