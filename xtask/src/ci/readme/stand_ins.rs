//! Small data in place of what is downloaded or a user's own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::run;

/// Captions of the stand-in for the emoji, those of the README among them.
const CAPTIONS: [&str; 4] = ["grinning face", "red heart", "cat face", "pizza"];
/// Pictures in each folder.
const PICTURES: usize = 24;

/// Writes IDX files for MNIST, and folders of pictures that the shipped checkpoint draws.
pub fn make(folder: &Path) -> Result<()> {
    let mnist = folder.join("datasets/mnist");
    fs::create_dir_all(&mnist).context("failed to create datasets/mnist")?;
    for (name, count) in [("train", 400), ("t10k", 200)] {
        write(&mnist.join(format!("{name}-images-idx3-ubyte.gz")), &images(count))?;
        write(&mnist.join(format!("{name}-labels-idx1-ubyte.gz")), &labels(count))?;
    }
    let pictures = folder.join("datasets/emoji/images");
    fs::create_dir_all(&pictures).context("failed to create datasets/emoji")?;
    run(folder, &format!("cargo run -p infer -- -n {PICTURES} --steps 4 --separate datasets/emoji/images"))?;
    let line = |i: usize| {
        let caption = CAPTIONS[i % CAPTIONS.len()];
        format!("{{\"file_name\": \"images/{i:06}.png\", \"text\": \"{caption}\"}}\n")
    };
    let metadata: String = (0..PICTURES).map(line).collect();
    write(&folder.join("datasets/emoji/metadata.jsonl"), metadata.as_bytes())?;
    for i in 0..PICTURES {
        let class = folder.join("my-pictures").join(["round", "straight"][i % 2]);
        fs::create_dir_all(&class).context("failed to create my-pictures")?;
        let name = format!("{i:06}.png");
        fs::copy(pictures.join(&name), class.join(&name)).context("failed to copy a picture")?;
    }
    Ok(())
}

/// An IDX file of grey 28x28 pictures of ten kinds of stripes.
fn images(count: u32) -> Vec<u8> {
    let header = [0x0803, count, 28, 28].map(u32::to_be_bytes).concat();
    let pixel = |image: u32, place: u32| {
        let (x, y) = (place % 28, place / 28);
        ((x * (image % 10 + 1) + y * (image / 10 % 7)) * 9) as u8
    };
    let pixels = (0..count).flat_map(|image| (0..784).map(move |place| pixel(image, place)));
    header.into_iter().chain(pixels).collect()
}

fn labels(count: u32) -> Vec<u8> {
    let header = [0x0801, count].map(u32::to_be_bytes).concat();
    header.into_iter().chain((0..count).map(|image| (image % 10) as u8)).collect()
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}
