use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::{png, write};
use crate::fuzz::bytes::{self, replace_file};
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose};

/// An image whose file is damaged, read by `infer` in one of its ways.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    seeds.copy("runs/ddpm", &folder.join("runs/ddpm"))?;
    let name = picture(rng, seeds, folder, "picture")?;
    let mut infer = Invocation::new("infer", "--run runs/ddpm -n 1 --steps 2 --out out.png");
    match rng.u8(0..4) {
        0 => infer = infer.and(["--forward", &name]),
        1 => {
            let mask = picture(rng, seeds, folder, "mask")?;
            infer = infer.and(["--init-image", &name, "--mask", &mask]);
        }
        2 => infer = infer.and(["--init-image", &name, "--invert"]),
        _ => infer = infer.and(["--init-image", &name, "--strength", "0.4"]),
    }
    Ok(infer)
}

/// Copies a picture to `folder` under a name that begins with `stem`, damages it, and returns the name.
pub fn picture(rng: &mut Rng, seeds: &Seeds, folder: &Path, stem: &str) -> Result<String> {
    let names = seeds.names("xtask/seeds")?;
    let source = &choose(rng, &names);
    // An ending that is not the format's own is no reason to fail.
    let ending = if rng.u8(..) < 20 { &choose(rng, &names) } else { source };
    let ending = ending.rsplit_once('.').map_or("png", |(_, ending)| ending);
    let name = format!("{stem}.{ending}");
    let path = folder.join(&name);
    seeds.copy(&format!("xtask/seeds/{source}"), &path)?;
    if rng.u8(..) < 10 {
        replace_file(&path, rng)?;
        return Ok(name);
    }
    let mut bytes = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    for _ in 0..rng.usize(1..4) {
        mutate(&mut bytes, rng);
    }
    write(&path, bytes)?;
    Ok(name)
}

fn mutate(picture: &mut Vec<u8>, rng: &mut Rng) {
    let chunks = if picture.starts_with(b"\x89PNG") { png::chunks(picture) } else { None };
    let Some(mut chunks) = chunks.filter(|chunks| !chunks.is_empty() && rng.u8(..) < 200) else {
        bytes::mutate(picture, rng);
        return;
    };
    let at = rng.usize(..chunks.len());
    match rng.u8(0..6) {
        0 => drop(chunks.remove(at)),
        1 => chunks.insert(at, chunks[at].clone()),
        2 => {
            let other = rng.usize(..chunks.len());
            chunks.swap(at, other);
        }
        3 => bytes::mutate(&mut chunks[0].1, rng),
        _ => bytes::mutate(&mut chunks[at].1, rng),
    }
    *picture = png::file(picture, &chunks);
}
