use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::{mutate_file, write};
use crate::fuzz::bytes::{self, replace_file};
use crate::fuzz::hostile;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose, files};
use crate::fuzz::tree::Tree;

/// A tokenizer, alone with its recorded prompts or in its pipeline, of which a file is wrong, or a hostile prompt.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let cases = "crates/interop/tests/cases";
    let (invocation, tokenizer) = match rng.u8(0..5) {
        0 | 1 => {
            let name = choose(rng, &["tokenizer_bert", "tokenizer_clip"]);
            seeds.copy(&format!("{cases}/{name}"), &folder.join("model"))?;
            (Invocation::new("conformance", "model"), folder.join("model"))
        }
        2 => {
            sentence_piece(seeds, folder, rng)?;
            (Invocation::new("conformance", "model"), folder.join("model"))
        }
        _ => {
            let name = choose(rng, &["stable_diffusion", "stable_diffusion_xl"]);
            seeds.copy(&format!("{cases}/{name}"), &folder.join("model"))?;
            let infer = Invocation::new("infer", "--model model -n 1 --steps 1 --out out.png --prompt");
            (infer.and([&*prompt(rng)]), folder.join("model/tokenizer"))
        }
    };
    let files = files(&tokenizer);
    let file = &choose(rng, &files);
    match rng.u8(0..10) {
        0 => replace_file(file, rng)?,
        1 => write(&tokenizer.join("added_tokens.json"), added(rng).json())?,
        2 if tokenizer.join("tokenizer_config.json").exists() => add_tokens(&tokenizer, rng)?,
        3..6 if file.extension().is_some_and(|ending| ending == "txt") => mutate_lines(file, rng)?,
        _ => mutate_file(file, rng)?,
    }
    Ok(invocation)
}

fn prompt(rng: &mut Rng) -> String {
    let prompt = match rng.u8(0..6) {
        0 => "a photo of a cat".to_owned(),
        1 => "<|endoftext|>".repeat(rng.usize(1..2000)),
        2 => "abc".repeat(rng.usize(1..20_000)),
        3 => std::iter::repeat_with(|| rng.char(..)).take(200).collect(),
        4 => "e\u{301}".repeat(20_000),
        _ => hostile::text(rng),
    };
    prompt.replace('\0', " ")
}

/// Tokens more, by their spelling.
fn added(rng: &mut Rng) -> Tree {
    let count = rng.usize(0..5);
    let token = || (hostile::text(rng), Tree::Bare(hostile::number(rng)));
    Tree::Table(std::iter::repeat_with(token).take(count).collect())
}

/// Special tokens more, as `tokenizer_config.json` has them.
fn add_tokens(tokenizer: &Path, rng: &mut Rng) -> Result<()> {
    let path = tokenizer.join("tokenizer_config.json");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut tree = Tree::from(serde_json::from_str::<serde_json::Value>(&text)?);
    let flag = |rng: &mut Rng| Tree::Bare(rng.bool().to_string());
    let mut token = Tree::Table(vec![("content".into(), Tree::Text(hostile::text(rng)))]);
    for key in ["lstrip", "rstrip", "normalized", "single_word", "special"] {
        token.set(key, flag(rng));
    }
    match rng.bool() {
        true => {
            tree.set("additional_special_tokens", Tree::List(vec![token, Tree::Text(hostile::text(rng))]))
        }
        false => tree.set("added_tokens_decoder", Tree::Table(vec![(hostile::number(rng), token)])),
    }
    write(&path, tree.json())
}

/// Lines twice, in another order, without their space, very long.
fn mutate_lines(path: &Path, rng: &mut Rng) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = rng.usize(..lines.len());
    match rng.u8(0..7) {
        0 => rng.shuffle(&mut lines),
        1 => lines.insert(at, lines[at].clone()),
        2 => lines[at] = hostile::text(rng),
        3 => lines[at] = lines[at].replace(' ', ""),
        4 => lines.truncate(at),
        5 => lines.insert(at, String::new()),
        _ => lines.extend((0..20_000).map(|number| format!("{} {number}", "a".repeat(number % 50)))),
    }
    write(path, lines.join("\n"))
}

/// A small SentencePiece model, as a protocol buffer, with prompts of another tokenizer.
fn sentence_piece(seeds: &Seeds, folder: &Path, rng: &mut Rng) -> Result<()> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
    let piece = |text: &str, score: f32, kind: u8| {
        let content =
            [&field(1, text.as_bytes())[..], &[2 << 3 | 5], &score.to_le_bytes()[..], &[3 << 3, kind]];
        field(1, &content.concat())
    };
    let mut pieces = vec![piece("<pad>", 0.0, 3), piece("</s>", 0.0, 3), piece("<unk>", 0.0, 2)];
    let words = ["▁", "a", "e", "o", "t", "▁a", "▁cat", "at", "▁photo", "of", "s", "n"];
    pieces.extend(words.iter().zip(1u8..).map(|(word, at)| piece(word, -f32::from(at), 1)));
    match rng.u8(0..4) {
        0 => pieces.push(piece("", -1.0, 1)),
        1 => pieces.push(piece("aa", choose(rng, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30]), 1)),
        2 => rng.shuffle(&mut pieces),
        _ => {}
    }
    let mut model = [pieces.concat(), field(2, &[3 << 3, 1])].concat();
    if rng.bool() {
        bytes::mutate(&mut model, rng);
    }
    seeds.copy("crates/interop/tests/cases/tokenizer_bert/cases.json", &folder.join("model/cases.json"))?;
    write(&folder.join("model/spiece.model"), model)
}
