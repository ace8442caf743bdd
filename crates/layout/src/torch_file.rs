use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use safetensors::Dtype;

use crate::pickle_value::{Items, Tables, Value};
use crate::{torch_legacy, torch_zip};

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

/// The tensors of a file that `torch.save` wrote of a table of tensors. Pickles are read, never run.
///
/// # Errors
///
/// If the file cannot be read, is no such file, or describes what we do not know.
pub(crate) fn tensors(file: &mut File) -> Result<Vec<TorchTensor>, TorchError> {
    if torch_legacy::begins(file)? {
        return torch_legacy::tensors(file);
    }
    torch_zip::tensors(file)
}

/// What a pickle says of each tensor of its table, by name.
pub(crate) fn described(pickled: &Value, tables: &Tables) -> Result<Vec<(String, Described)>, String> {
    let table = tables.table(pickled).ok_or("it holds no table of tensors")?;
    // Trainers put the weights beside their own state.
    let weights = table.iter().filter(|(key, _)| &**key == "state_dict");
    let weights = weights.filter_map(|(_, value)| tables.table(value)).next();
    let mut all = Vec::new();
    for (name, value) in weights.unwrap_or(table) {
        let Some(described) = tensor(value) else { continue };
        all.push((name.to_string(), described.map_err(|reason| format!("{name}: {reason}"))?));
    }
    Ok(all)
}

/// What a pickle says of a tensor.
pub(crate) struct Described {
    pub(crate) storage: String,
    dtype: Dtype,
    /// Numbers of the storage before the first.
    offset: usize,
    shape: Vec<usize>,
}

impl Described {
    /// The tensor in a storage of `size` bytes that begins at `start` and is called `storage`.
    pub(crate) fn placed(
        self,
        name: String,
        storage: &str,
        start: u64,
        size: u64,
    ) -> Result<TorchTensor, String> {
        let Self { dtype, shape, offset, .. } = self;
        let width = dtype.bitsize() / 8;
        let length = shape.iter().try_fold(width, |length, &side| length.checked_mul(side));
        let skipped = offset.checked_mul(width);
        let (Some(length), Some(skipped)) = (length, skipped) else {
            return Err(format!("{name} is larger than any memory"));
        };
        let first = start.checked_add(skipped as u64);
        match (skipped as u64).checked_add(length as u64).filter(|end| *end <= size).and(first) {
            Some(start) => Ok(TorchTensor { name, dtype, shape, start, length }),
            None => Err(format!("{name} lies outside of {storage}")),
        }
    }
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
    let dtype = dtype(text(1)?)?;
    let offset = arguments.get(1).and_then(Value::count).ok_or_else(unknown)?;
    Ok(Described { storage: text(2)?.to_owned(), dtype, offset, shape })
}

/// The numbers of a storage.
pub(crate) fn dtype(storage: &str) -> Result<Dtype, String> {
    Ok(match storage {
        "torch.FloatStorage" => Dtype::F32,
        "torch.DoubleStorage" => Dtype::F64,
        "torch.HalfStorage" => Dtype::F16,
        "torch.BFloat16Storage" => Dtype::BF16,
        "torch.LongStorage" => Dtype::I64,
        "torch.IntStorage" => Dtype::I32,
        "torch.ByteStorage" => Dtype::U8,
        "torch.BoolStorage" => Dtype::BOOL,
        other => return Err(format!("it holds {other}")),
    })
}

pub(crate) fn bytes_at(file: &mut File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A little-endian number of so many bytes.
pub(crate) fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes: [u8; N] = bytes.get(at..at.checked_add(N)?)?.try_into().ok()?;
    Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(offset: usize, shape: Vec<usize>) -> Result<u64, String> {
        let described = Described { storage: "0".into(), dtype: Dtype::F32, offset, shape };
        described.placed("a".into(), "data/0", 100, 64).map(|tensor| tensor.start)
    }

    #[test]
    fn a_tensor_lies_in_its_storage() {
        assert_eq!(placed(14, vec![2]), Ok(156));
        for (offset, shape) in [(15, vec![2]), (usize::MAX / 4, vec![2]), (usize::MAX / 4 - 15, vec![16])] {
            assert_eq!(placed(offset, shape).unwrap_err(), "a lies outside of data/0");
        }
        for (offset, shape) in [(usize::MAX, vec![1]), (0, vec![usize::MAX, 2])] {
            assert_eq!(placed(offset, shape).unwrap_err(), "a is larger than any memory");
        }
    }
}
