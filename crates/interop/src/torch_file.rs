use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use safetensors::Dtype;

use crate::pickle::parse;
use crate::pickle_value::{Items, Value};

/// No description of tensors is longer.
const LONGEST_PICKLE: u64 = 100_000_000;

/// A tensor of a torch file: its kind of numbers, its shape, and where its bytes are.
#[derive(Clone, Debug)]
pub(crate) struct TorchTensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) start: u64,
    pub(crate) length: usize,
}

/// Why a torch file is not read.
pub(crate) enum TorchError {
    Io(io::Error),
    Damaged(String),
}

impl From<io::Error> for TorchError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<String> for TorchError {
    fn from(reason: String) -> Self {
        Self::Damaged(reason)
    }
}

/// The tensors of a file that `torch.save` wrote of a table of tensors: a zip archive, uncompressed, of one pickle that
/// describes them and a file for the numbers of each. The pickle is read, never run.
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
    let Value::Table(table, _) = parse(&bytes)? else {
        return Err("it holds no table of tensors".to_owned().into());
    };
    // Trainers put the weights beside their own state.
    let weights = table.iter().find_map(|(key, value)| match value {
        Value::Table(weights, _) if &**key == "state_dict" => Some(weights.clone()),
        _ => None,
    });
    let mut tensors = Vec::new();
    for (name, value) in weights.unwrap_or(table) {
        let Some(described) = tensor(&value) else { continue };
        let described = described.map_err(|reason| format!("{name}: {reason}"))?;
        let path = format!("{folder}data/{}", described.storage);
        let entry = entries.get(&path).ok_or_else(|| format!("{name}: it holds no {path}"))?;
        let size = described.dtype.bitsize() / 8;
        let length = described.shape.iter().try_fold(size, |length, &side| length.checked_mul(side));
        let skipped = described.offset.checked_mul(size);
        let (Some(length), Some(skipped)) = (length, skipped) else {
            return Err(format!("{name} is larger than any memory").into());
        };
        if skipped as u64 + length as u64 > entry.size {
            return Err(format!("{name} is larger than {path}").into());
        }
        let start = data_start(file, entry)? + skipped as u64;
        tensors.push(TorchTensor {
            name: name.to_string(),
            dtype: described.dtype,
            shape: described.shape,
            start,
            length,
        });
    }
    Ok(tensors)
}

/// What a pickle says of a tensor.
struct Described {
    storage: String,
    dtype: Dtype,
    /// Numbers of the storage before the first.
    offset: usize,
    shape: Vec<usize>,
}

/// None for what is no tensor.
fn tensor(value: &Value) -> Option<Result<Described, String>> {
    let Value::Call(function, arguments) = value else { return None };
    match &**function {
        "torch._utils._rebuild_parameter" => tensor(arguments.get(0)?),
        "torch._utils._rebuild_tensor_v2" => Some(describe(arguments)),
        _ => None,
    }
}

fn describe(arguments: &Items) -> Result<Described, String> {
    let unknown = || "it is described in a way we do not know".to_owned();
    let Some(Value::Stored(storage)) = arguments.get(0) else { return Err(unknown()) };
    let text = |index: usize| storage.get(index).and_then(Value::text).ok_or_else(unknown);
    let counts = |index: usize| arguments.get(index).and_then(Value::tuple).and_then(Items::counts);
    let (shape, strides) = counts(2).zip(counts(3)).ok_or_else(unknown)?;
    let mut expected = 1;
    for (&side, &stride) in shape.iter().zip(&strides).rev() {
        if side != 1 && stride != expected {
            return Err("its numbers are not in order: save it again after `contiguous()`".into());
        }
        expected = expected.saturating_mul(side);
    }
    let dtype = match text(1)? {
        "torch.FloatStorage" => Dtype::F32,
        "torch.DoubleStorage" => Dtype::F64,
        "torch.HalfStorage" => Dtype::F16,
        "torch.BFloat16Storage" => Dtype::BF16,
        "torch.LongStorage" => Dtype::I64,
        "torch.IntStorage" => Dtype::I32,
        "torch.ByteStorage" => Dtype::U8,
        "torch.BoolStorage" => Dtype::BOOL,
        other => return Err(format!("it holds {other}")),
    };
    let offset = arguments.get(1).and_then(Value::count).ok_or_else(unknown)?;
    Ok(Described { storage: text(2)?.to_owned(), dtype, offset, shape })
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
        "it is no zip archive, as torch writes them since version 1.6: in Python, load it with the reference library \
         and save it again with `save_pretrained`, which writes safetensors"
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

fn bytes_at(file: &mut File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A little-endian number of so many bytes.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes: [u8; N] = bytes.get(at..at.checked_add(N)?)?.try_into().ok()?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
