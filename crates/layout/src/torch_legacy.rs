use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::pickle::{Pickle, parse};
use crate::pickle_value::Value;
use crate::torch_file::{TorchError, TorchTensor, bytes_at, described, dtype, number};

/// The pickled number that such a file begins with.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// No table of tensors is longer.
const LONGEST_PICKLES: u64 = 1 << 24;

/// Whether a file is of the kind that torch wrote before version 1.6, as the published VGG-16 is.
pub(crate) fn begins(file: &mut File) -> Result<bool, TorchError> {
    let mut first = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut first)?;
    Ok(first == MAGIC)
}

/// The tensors of such a file: pickles of a version, of the machine, of the table and of the storages' keys; then the
/// storages in the order of these keys, each with its length before it.
///
/// # Errors
///
/// If the file cannot be read, is cut short, or describes what we do not know.
pub(crate) fn tensors(file: &mut File) -> Result<Vec<TorchTensor>, TorchError> {
    let size = file.seek(SeekFrom::End(0))?;
    let bytes = bytes_at(file, 0, size.min(LONGEST_PICKLES) as usize)?;
    let Pickle { rest, .. } = parse(&bytes[MAGIC.len()..])?;
    let Pickle { rest, .. } = parse(rest)?;
    let Pickle { value: table, tables, stored, rest } = parse(rest)?;
    let Pickle { value: keys, tables: lists, rest, .. } = parse(rest)?;
    let keys = lists.list(&keys).ok_or_else(|| "it lists no storages".to_owned())?;
    let mut kinds = BTreeMap::new();
    for storage in &stored {
        if let (Some(kind), Some(key)) =
            (storage.get(1).and_then(Value::text), storage.get(2).and_then(Value::text))
        {
            kinds.insert(key, dtype(kind)?);
        }
    }
    let mut at = (bytes.len() - rest.len()) as u64;
    let mut places = BTreeMap::new();
    for key in keys {
        let kind = kinds.get(&**key).ok_or_else(|| format!("storage {key} is of no tensor"))?;
        let count = number::<8>(&bytes_at(file, at, 8)?, 0).unwrap_or(0);
        let length = count.checked_mul(kind.bitsize() as u64 / 8);
        let end = length.and_then(|length| length.checked_add(at + 8)).filter(|end| *end <= size);
        let (length, end) = length.zip(end).ok_or_else(|| format!("it is cut short in storage {key}"))?;
        places.insert(key.to_string(), (at + 8, length));
        at = end;
    }
    let mut tensors = Vec::new();
    for (name, described) in described(&table, &tables)? {
        let missing = || format!("{name}: it holds no storage {}", described.storage);
        let (start, length) = *places.get(&described.storage).ok_or_else(missing)?;
        let storage = format!("storage {}", described.storage);
        tensors.push(described.placed(name, &storage, start, length)?);
    }
    Ok(tensors)
}
