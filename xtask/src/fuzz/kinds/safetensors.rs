use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::{model, write};
use crate::fuzz::bytes::{self, replace_file};
use crate::fuzz::hostile;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose, files};
use crate::fuzz::tree::Tree;

/// A pipeline with a file of weights whose header, length or numbers are wrong.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let invocation = model(rng, seeds, folder, "2")?;
    let files = files(&folder.join("model"));
    let weights: Vec<_> = files.into_iter().filter(|path| is_weights(path)).collect();
    let path = &choose(rng, &weights);
    if rng.u8(..) < 12 {
        replace_file(path, rng)?;
        return Ok(invocation);
    }
    let bytes = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    write(path, mutant(bytes, rng))?;
    Ok(invocation)
}

/// Whether a file of a model holds weights, and no recorded figures.
pub fn is_weights(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "safetensors") && !path.ends_with("io.safetensors")
}

fn mutant(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    let Some((mut header, data)) = parts(&bytes).map(|(header, data)| (header, data.to_vec())) else {
        return bytes;
    };
    match rng.u8(0..8) {
        0 => {
            bytes::mutate(&mut bytes, rng);
            return bytes;
        }
        1 => return whole(&header.json(), data, Some(rng.u64(..) >> rng.u32(0..64))),
        2 => return whole(&header.json(), spoilt(data, rng), None),
        3 => set_one(&mut header, rng),
        _ => {
            for _ in 0..rng.usize(1..4) {
                header.mutate(rng);
            }
        }
    }
    whole(&header.json(), data, None)
}

/// The header and the numbers of a file.
pub fn parts(bytes: &[u8]) -> Option<(Tree, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (header, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let header: serde_json::Value = serde_json::from_slice(header).ok()?;
    Some((Tree::from(header), data))
}

fn whole(header: &str, data: Vec<u8>, length: Option<u64>) -> Vec<u8> {
    let length = length.unwrap_or(header.len() as u64);
    [&length.to_le_bytes()[..], header.as_bytes(), &data].concat()
}

/// Data cut short, too long, or with a number that is none.
fn spoilt(mut data: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    match rng.u8(0..3) {
        0 => data.truncate(rng.usize(..=data.len())),
        1 => data.extend_from_slice(&[0; 12]),
        _ => {
            let at = rng.usize(..data.len().max(4) / 4) * 4;
            let number = choose(rng, &[f32::NAN, f32::INFINITY, f32::MAX, 1e-45]);
            if let Some(place) = data.get_mut(at..at + 4) {
                place.copy_from_slice(&number.to_le_bytes());
            }
        }
    }
    data
}

/// Gives one tensor another type, shape or place.
fn set_one(header: &mut Tree, rng: &mut Rng) {
    const TYPES: [&str; 12] =
        ["F16", "BF16", "F64", "I64", "I32", "I8", "U8", "BOOL", "F8_E4M3", "F4", "C64", "F32 "];
    let Tree::Table(tensors) = header else { return };
    let at = rng.usize(..tensors.len());
    let tensor = &mut tensors[at].1;
    let numbers = |rng: &mut Rng, count| {
        Tree::List(std::iter::repeat_with(|| Tree::Bare(hostile::number(rng))).take(count).collect())
    };
    match rng.u8(0..4) {
        0 => tensor.set("dtype", Tree::Text((choose(rng, &TYPES)).into())),
        1 => {
            let count = rng.usize(0..7);
            tensor.set("shape", numbers(rng, count));
        }
        2 => tensor.set("shape", Tree::List(vec![Tree::Bare("1".into()); 60])),
        _ => tensor.set("data_offsets", numbers(rng, 2)),
    }
}
