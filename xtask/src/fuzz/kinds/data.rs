use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::images::picture;
use super::write;
use crate::fuzz::bytes::{self, replace_file};
use crate::fuzz::hostile;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose, files};
use crate::fuzz::tree::Tree;

/// Training, for a step, from data that are damaged.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let data = folder.join("data");
    fs::create_dir(&data).with_context(|| format!("failed to create {}", data.display()))?;
    let source = match rng.u8(0..8) {
        0 => idx(rng, seeds, &data)?,
        1 => cifar(rng, &data)?,
        2 => points(rng, &data)?,
        3 | 4 => classes(rng, seeds, &data)?,
        _ => captioned(rng, seeds, &data)?,
    };
    if rng.u8(..) < 25 {
        let files = files(&data);
        replace_file(&choose(rng, &files), rng)?;
    }
    let system = if source.starts_with("\"csv") && rng.u8(..) < 240 { POINTS } else { PICTURES };
    write(&folder.join("config.toml"), format!("{system}\n[dataset]\ntype = {source}\n"))?;
    let mut train = Invocation::new("train", "config.toml --run r --plain --budget 1s");
    if rng.bool() {
        train = train.and(["--skip-bad"]);
    }
    Ok(train)
}

const PICTURES: &str = "
[model]
channels = 8
channel_mult = [1]
num_res_blocks = 1
attention_resolutions = []
[train]
steps = 1
batch_size = 2
eval_images = 4
sample_images = 2
[sample]
steps = 2
";

const POINTS: &str = "
system = \"points\"
[model]
width = 8
layers = 1
[train]
steps = 1
batch_size = 2
eval_images = 4
sample_images = 2
";

fn idx(rng: &mut Rng, seeds: &Seeds, data: &Path) -> Result<String> {
    for name in seeds.names("datasets/digits")? {
        seeds.copy(&format!("datasets/digits/{name}"), &data.join(name))?;
    }
    // Plain IDX of 3 images, of which the head is read: kind of numbers, dimensions, their lengths.
    let mut images = [&[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 8][..], &[7; 192]].concat();
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 2];
    bytes::mutate(if rng.bool() { &mut images } else { &mut labels }, rng);
    write(&data.join("images"), images)?;
    write(&data.join("labels"), labels)?;
    let [mut images, mut labels] = ["data/images", "data/labels"];
    if rng.u8(..) < 60 {
        images = "data/digits-images-idx3-ubyte.gz";
        labels = "data/digits-labels-idx1-ubyte.gz";
        let files = files(data);
        let path = &choose(rng, &files);
        let mut damaged = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        bytes::mutate(&mut damaged, rng);
        write(path, damaged)?;
    }
    Ok(format!("\"idx\"\nimages = \"{images}\"\nlabels = \"{labels}\""))
}

fn cifar(rng: &mut Rng, data: &Path) -> Result<String> {
    for batch in 1..=5 {
        let mut bytes = vec![batch; 3073 * 2];
        if rng.bool() {
            bytes::mutate(&mut bytes, rng);
        }
        write(&data.join(format!("data_batch_{batch}.bin")), bytes)?;
    }
    Ok("\"cifar10\"\npath = \"data\"".into())
}

fn points(rng: &mut Rng, data: &Path) -> Result<String> {
    let mut text = "x,y\n".to_owned() + &"0.5,-1.5\n1,2\n3,1e-3\n".repeat(20);
    match rng.u8(0..4) {
        0 => text += &format!("{},{}\n", hostile::number(rng), hostile::number(rng)),
        1 => text += &format!("{}\n", hostile::text(rng)),
        2 => text = format!("{0},{0}\n", hostile::number(rng)).repeat(30),
        _ => {
            let mut bytes = text.into_bytes();
            bytes::mutate(&mut bytes, rng);
            write(&data.join("points.csv"), bytes)?;
            return Ok("\"csv\"\npath = \"data/points.csv\"".into());
        }
    }
    write(&data.join("points.csv"), text)?;
    Ok("\"csv\"\npath = \"data/points.csv\"".into())
}

/// A folder of pictures for each class; names may be strange, files may be none.
fn classes(rng: &mut Rng, seeds: &Seeds, data: &Path) -> Result<String> {
    const NAMES: [&str; 12] = [
        "cat",
        "dog",
        "0",
        "1",
        "__MACOSX",
        ".hidden",
        "a b",
        "é",
        "\u{1b}[31mred",
        "line\nbreak",
        "Cat",
        "deep/er",
    ];
    for _ in 0..rng.usize(1..4) {
        let class = data.join(choose(rng, &NAMES));
        fs::create_dir_all(&class).with_context(|| format!("failed to create {}", class.display()))?;
        for number in 0..rng.usize(0..4) {
            pictured(rng, seeds, &class, number)?;
        }
    }
    pictured(rng, seeds, data, 0)?;
    Ok(keys(rng))
}

/// Pictures with a list of captions and labels.
fn captioned(rng: &mut Rng, seeds: &Seeds, data: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for number in 0..6 {
        let name = pictured(rng, seeds, data, number)?;
        let mut line = Tree::Table(vec![("file_name".into(), Tree::Text(name))]);
        line.set("text", Tree::Text("a cat".into()));
        line.set("label", Tree::Bare((number % 3).to_string()));
        if rng.u8(..) < 60 {
            line.mutate(rng);
        }
        lines.push(line.json());
    }
    match rng.u8(0..4) {
        0 => {
            let mut bytes = lines.join("\n").into_bytes();
            bytes::mutate(&mut bytes, rng);
            write(&data.join("metadata.jsonl"), bytes)?;
        }
        1 => {
            let row =
                |number: usize| format!("{number}.png,{},{}\n", hostile::text(rng), hostile::number(rng));
            let rows: String = (0..6).map(row).collect();
            write(&data.join("metadata.csv"), "file_name,text,label\n".to_owned() + &rows)?;
        }
        _ => write(&data.join("metadata.jsonl"), lines.join("\n"))?,
    }
    Ok(keys(rng))
}

/// A picture that is mostly whole; its name.
fn pictured(rng: &mut Rng, seeds: &Seeds, folder: &Path, number: usize) -> Result<String> {
    if rng.u8(..) < 60 {
        return picture(rng, seeds, folder, &number.to_string());
    }
    let name = format!("{number}.png");
    seeds.copy("xtask/seeds/picture.png", &folder.join(&name))?;
    Ok(name)
}

fn keys(rng: &mut Rng) -> String {
    let mut keys = "\"folder\"\npath = \"data\"\nimage_size = 8\n".to_owned();
    if rng.bool() {
        keys += "channels = \"rgb\"\n";
    }
    if rng.u8(..) < 30 {
        keys += &format!("valid_fraction = {}\n", hostile::number(rng).to_lowercase());
    }
    keys
}
