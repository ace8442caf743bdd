use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fastrand::Rng;

use super::safetensors::{is_weights, parts};
use super::{model, write};
use crate::fuzz::bytes;
use crate::fuzz::invocation::Invocation;
use crate::fuzz::seeds::{Seeds, choose, files};
use crate::fuzz::tree::Tree;

/// A pipeline with a file of weights as `torch.save` writes it, whose pickle or archive is wrong.
pub fn make(rng: &mut Rng, seeds: &Seeds, folder: &Path) -> Result<Invocation> {
    let invocation = model(rng, seeds, folder, "2")?;
    let files = files(&folder.join("model"));
    let weights: Vec<_> = files.into_iter().filter(|path| is_weights(path)).collect();
    let path = &choose(rng, &weights);
    let whole = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    let (header, data) = parts(&whole).with_context(|| format!("{} has no header", path.display()))?;
    let (mut operations, storages) = pickled(&header, data);
    let legacy = rng.u8(..) < 60;
    if rng.u8(..) < 200 {
        for _ in 0..rng.usize(1..4) {
            mutate(&mut operations, rng);
        }
    }
    let mut torch = match legacy {
        true => old_file(&operations.concat(), &storages),
        false => archive(&operations.concat(), &storages),
    };
    if rng.u8(..) < 80 {
        mutate_archive(&mut torch, rng);
    }
    fs::remove_file(path).with_context(|| format!("failed to remove {}", path.display()))?;
    let name = match path.ends_with("model.safetensors") {
        true => "pytorch_model.bin",
        false => "diffusion_pytorch_model.bin",
    };
    write(&path.with_file_name(name), torch)?;
    Ok(invocation)
}

/// Operations of a pickle, one after the other, and the numbers of each tensor.
type Pickled<'a> = (Vec<Vec<u8>>, Vec<&'a [u8]>);

/// A table of the tensors that a header of safetensors describes.
fn pickled<'a>(header: &Tree, data: &'a [u8]) -> Pickled<'a> {
    let (mut operations, mut storages) =
        (vec![b"\x80\x02".to_vec(), b"}".to_vec(), b"q\0".to_vec(), b"(".to_vec()], Vec::new());
    let Tree::Table(tensors) = header else { return (operations, storages) };
    for (name, tensor) in tensors {
        let (Some(shape), Some(place)) = (numbers(tensor, "shape"), numbers(tensor, "data_offsets")) else {
            continue;
        };
        let Some(bytes) = data.get(place[0]..place[1]) else { continue };
        let mut strides = vec![1; shape.len()];
        (0..shape.len().saturating_sub(1)).rev().for_each(|at| strides[at] = strides[at + 1] * shape[at + 1]);
        operations.push(text(name));
        operations.push(b"ctorch._utils\n_rebuild_tensor_v2\n".to_vec());
        operations.extend([
            b"(".to_vec(),
            b"(".to_vec(),
            text("storage"),
            b"ctorch\nFloatStorage\n".to_vec(),
        ]);
        operations.extend([
            text(&storages.len().to_string()),
            text("cpu"),
            integer((bytes.len() / 4) as u64),
        ]);
        operations.extend([b"t".to_vec(), b"Q".to_vec(), integer(0)]);
        for sides in [shape, strides] {
            operations.push(b"(".to_vec());
            operations.extend(sides.into_iter().map(|side| integer(side as u64)));
            operations.push(b"t".to_vec());
        }
        operations.extend([b"\x89".to_vec(), b"ccollections\nOrderedDict\n".to_vec(), b")".to_vec()]);
        operations.extend([b"R".to_vec(), b"t".to_vec(), b"R".to_vec()]);
        storages.push(bytes);
    }
    operations.extend([b"u".to_vec(), b".".to_vec()]);
    (operations, storages)
}

fn numbers(tensor: &Tree, key: &str) -> Option<Vec<usize>> {
    let Tree::List(items) = tensor.get(key)? else { return None };
    let number = |item: &Tree| match item {
        Tree::Bare(text) => text.parse().ok(),
        _ => None,
    };
    items.iter().map(number).collect()
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn integer(number: u64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &number.to_le_bytes()].concat()
}

/// Changes the operations of a pickle.
fn mutate(operations: &mut Vec<Vec<u8>>, rng: &mut Rng) {
    const OTHERS: &[u8] =
        b"()}]tQRbseu.0N\x81\x85\x86\x87\x88\x89\x94\x93F12IiLloPpSTVcdgGXBC\x8b\x8c\x8d\x95\x97\x98";
    let at = rng.usize(..operations.len());
    match rng.u8(0..9) {
        0 => drop(operations.remove(at)),
        1 => operations.insert(at, operations[at].clone()),
        2 => {
            let other = rng.usize(..operations.len());
            operations.swap(at, other);
        }
        3 => operations.insert(at, vec![choose(rng, OTHERS)]),
        4 => operations[at] = integer(rng.u64(..) >> rng.u32(0..64)),
        5 => {
            let integers: Vec<_> =
                (0..operations.len()).filter(|&at| operations[at].first() == Some(&0x8a)).collect();
            let count =
                choose(rng, &[0, 1, u64::MAX, 1 << 61, 1 << 62, (1 << 62) - 4, 1 << 63, u64::MAX - 15]);
            if !integers.is_empty() {
                operations[choose(rng, &integers)] = integer(count);
            }
        }
        6 => bytes::mutate(&mut operations[at], rng),
        7 => drop(operations.splice(at..at, laughs(rng))),
        _ => drop(operations.splice(at..at, std::iter::repeat_n(vec![choose(rng, b")(}]\x85")], 5000))),
    }
}

/// A value that holds the one before it ten times, which holds the one before it ten times, and so on; dropped at last.
fn laughs(rng: &mut Rng) -> Vec<Vec<u8>> {
    let levels = rng.u8(1..30);
    let mut operations = Vec::new();
    for level in 0..levels {
        let (open, close) = choose(rng, &[(&b"}("[..], &b"u"[..]), (b"](", b"e"), (b"(", b"t")]);
        operations.push(open.to_vec());
        for copy in 0..10 {
            operations.extend((close == b"u").then(|| text(&format!("{copy}"))));
            operations.push(if level == 0 { integer(1) } else { vec![b'h', 100 + level] });
        }
        operations.push(close.to_vec());
        operations.push(vec![b'q', 101 + level]);
        operations.extend((level + 1 < levels).then(|| b"0".to_vec()));
    }
    operations
}

/// A zip archive of uncompressed files, as torch writes since version 1.6.
fn archive(pickle: &[u8], storages: &[&[u8]]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let mut count: u16 = 0;
    let storages = storages.iter().enumerate().map(|(at, storage)| (format!("archive/data/{at}"), *storage));
    for (name, content) in std::iter::once(("archive/data.pkl".to_owned(), pickle)).chain(storages) {
        let start = (bytes.len() as u32).to_le_bytes();
        let size = (content.len() as u32).to_le_bytes();
        let length = (name.len() as u16).to_le_bytes();
        // Version 1.0, no compression, no time, no checksum, both sizes, the name's length and no extra field.
        let fields =
            [&[10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &size, &size, &length, &[0; 2]].concat();
        bytes.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\x0a\0", &fields[..], &[0; 10], &start, name.as_bytes()].concat());
        count += 1;
    }
    let start = (bytes.len() as u32).to_le_bytes();
    let (length, count) = ((directory.len() as u32).to_le_bytes(), count.to_le_bytes());
    bytes.extend_from_slice(&directory);
    bytes.extend([b"PK\x05\x06", &[0; 4][..], &count, &count, &length, &start, &[0; 2]].concat());
    bytes
}

/// Pickles and storages one after the other, as torch wrote before.
fn old_file(pickle: &[u8], storages: &[&[u8]]) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let keys = (0..storages.len()).flat_map(|key| text(&key.to_string()));
    let keys: Vec<u8> = [b"\x80\x02](".to_vec(), keys.collect(), b"e.".to_vec()].concat();
    let mut bytes = [MAGIC, b"\x80\x02M\xe9\x03.", b"\x80\x02}.", pickle, &keys].concat();
    for storage in storages {
        bytes.extend((storage.len() as u64 / 4).to_le_bytes());
        bytes.extend_from_slice(storage);
    }
    bytes
}

/// Changes bytes of the archive's headers, which lie at its ends.
fn mutate_archive(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let tail = bytes.len() - bytes.len().min(rng.usize(22..600));
    let mut end = bytes.split_off(tail);
    bytes::mutate(if rng.bool() { &mut end } else { bytes }, rng);
    bytes.extend(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_ends_with_a_directory_of_all_files() {
        let bytes = archive(b"\x80\x02}.", &[b"abcd", b"ef"]);
        let end = &bytes[bytes.len() - 22..];
        assert_eq!((&end[..4], end[10]), (&b"PK\x05\x06"[..], 3));
        let start = u32::from_le_bytes(end[16..20].try_into().unwrap()) as usize;
        let entries = bytes[start..].windows(4).filter(|bytes| bytes == b"PK\x01\x02").count();
        assert_eq!(entries, 3);
    }
}
