use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom};

use crate::pickle::{Pickle, parse};
use crate::torch_file::{TorchError, TorchTensor, bytes_at, described, number};

/// No description of tensors is longer: those of the largest networks have a megabyte.
const LONGEST_PICKLE: u64 = 1 << 24;

/// The tensors of a zip archive, uncompressed, of one pickle that describes them and a file for the numbers of each.
///
/// # Errors
///
/// If the file cannot be read, is no such archive, or describes what we do not know.
pub(crate) fn tensors(file: &mut File) -> Result<Vec<TorchTensor>, TorchError> {
    let entries = entries(file)?;
    let pickle = entries.iter().find(|(name, _)| name.ends_with("/data.pkl"));
    let (name, entry) = pickle.ok_or_else(|| "it holds no data.pkl".to_owned())?;
    let folder = name.trim_end_matches("data.pkl");
    if entry.size > LONGEST_PICKLE {
        return Err(format!("its data.pkl is {} bytes long", entry.size).into());
    }
    let start = data_start(file, entry)?;
    let bytes = bytes_at(file, start, entry.size as usize)?;
    let mut tensors = Vec::new();
    let Pickle { value, tables, .. } = parse(&bytes)?;
    for (name, described) in described(&value, &tables)? {
        let path = format!("{folder}data/{}", described.storage);
        let entry = entries.get(&path).ok_or_else(|| format!("{name}: it holds no {path}"))?;
        let start = data_start(file, entry)?;
        tensors.push(described.placed(name, &path, start, entry.size)?);
    }
    Ok(tensors)
}

/// A file in the archive.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its own header is.
    header: u64,
    size: u64,
}

/// All files in the archive by name, as its directory at the end lists them.
fn entries(file: &mut File) -> Result<BTreeMap<String, Entry>, TorchError> {
    const LONGEST_END: u64 = 22 + 65_535;
    let size = file.seek(SeekFrom::End(0))?;
    let tail_start = size.saturating_sub(LONGEST_END + 20);
    let tail = bytes_at(file, tail_start, (size - tail_start) as usize)?;
    let no_zip = || {
        "it is no file of torch: in Python, load it with the reference library and save it again with \
         `save_pretrained`, which writes safetensors"
            .to_owned()
    };
    let end = (0..tail.len().saturating_sub(21)).rev().find(|&at| tail[at..].starts_with(b"PK\x05\x06"));
    let end = end.ok_or_else(no_zip)?;
    let short = |at: usize| number::<4>(&tail, end + at);
    let (Some(mut length), Some(mut start)) = (short(12), short(16)) else { return Err(no_zip().into()) };
    if length == u64::from(u32::MAX) || start == u64::from(u32::MAX) {
        let locator = end.checked_sub(20).ok_or_else(no_zip)?;
        let record = number::<8>(&tail, locator + 8).ok_or_else(no_zip)?;
        let record = bytes_at(file, record, 56)?;
        (length, start) = number::<8>(&record, 40).zip(number::<8>(&record, 48)).ok_or_else(no_zip)?;
    }
    if start.checked_add(length).is_none_or(|end| end > size) {
        return Err("its directory is said to lie outside of it".to_owned().into());
    }
    let directory = bytes_at(file, start, length as usize)?;
    let mut entries = BTreeMap::new();
    let mut rest = directory.as_slice();
    while let Some((name, entry, after)) = entry(rest) {
        if entry.header.checked_add(entry.size).is_none_or(|end| end > size) {
            return Err(format!("{name} is said to lie outside of it").into());
        }
        entries.insert(name, entry);
        rest = after;
    }
    Ok(entries)
}

/// The first entry of a directory, and what follows it; none at the end, or where a file is compressed.
fn entry(bytes: &[u8]) -> Option<(String, Entry, &[u8])> {
    let field = |at: usize| number::<2>(bytes, at);
    if !bytes.starts_with(b"PK\x01\x02") || field(10)? != 0 {
        return None;
    }
    let [name, extra, comment] = [field(28)?, field(30)?, field(32)?].map(|length| length as usize);
    let text = std::str::from_utf8(bytes.get(46..46 + name)?).ok()?.to_owned();
    let (mut size, mut header) = (number::<4>(bytes, 24)?, number::<4>(bytes, 42)?);
    let mut more = bytes.get(46 + name..46 + name + extra)?;
    while let Some((kind, length)) = number::<2>(more, 0).zip(number::<2>(more, 2)) {
        let body = more.get(4..4 + length as usize)?;
        if kind == 1 {
            // Sizes and places that do not fit 32 bits: the sizes first, both, where they do not.
            let mut at = 0;
            if size == u64::from(u32::MAX) {
                size = number::<8>(body, 0)?;
                at = if number::<4>(bytes, 20)? == u64::from(u32::MAX) { 16 } else { 8 };
            }
            if header == u64::from(u32::MAX) {
                header = number::<8>(body, at)?;
            }
        }
        more = more.get(4 + length as usize..)?;
    }
    Some((text, Entry { header, size }, bytes.get(46 + name + extra + comment..)?))
}

/// Where a file's own bytes begin.
fn data_start(file: &mut File, entry: &Entry) -> Result<u64, TorchError> {
    let header = bytes_at(file, entry.header, 30)?;
    let lengths = number::<2>(&header, 26).zip(number::<2>(&header, 28));
    match lengths.filter(|_| header.starts_with(b"PK\x03\x04")) {
        Some((name, extra)) => Ok(entry.header + 30 + name + extra),
        None => Err("its directory points to what is no file".to_owned().into()),
    }
}
