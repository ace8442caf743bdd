use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use bytemuck::Pod;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors, View};

use crate::LayoutError;

/// A tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its values, the last dimension changing fastest. Integers are exact below 2^24.
    pub values: Vec<f32>,
}

/// The tensors of a safetensors file.
#[derive(Clone, Debug)]
pub struct TensorFile {
    /// Where they were read.
    pub path: PathBuf,
    /// By name.
    pub tensors: BTreeMap<String, HostTensor>,
}

impl TensorFile {
    /// Reads all tensors of a file, widened to f32.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is damaged, or holds numbers of an unknown kind.
    pub fn read(path: &Path) -> Result<Self, LayoutError> {
        let bytes = fs::read(path).map_err(LayoutError::io("read", path))?;
        let file = SafeTensors::deserialize(&bytes).map_err(LayoutError::damaged(path))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let values = widen(view.dtype(), view.data())
                .ok_or_else(|| LayoutError::damaged(path)(format!("{name} holds {:?}", view.dtype())))?;
            tensors.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), values });
        }
        Ok(Self { path: path.to_path_buf(), tensors })
    }

    /// Writes the tensors as f32; the file appears whole or not at all.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self) -> Result<(), LayoutError> {
        // The reference library asks for this mark before it reads a file.
        let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
        let bytes = safetensors::serialize(&self.tensors, Some(metadata))
            .map_err(|error| LayoutError::io("write", &self.path)(std::io::Error::other(error)))?;
        Ok(data::write_atomically(&self.path, |file| file.write_all(&bytes))?)
    }

    /// A tensor by name.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn get(&self, name: &str) -> Result<&HostTensor, LayoutError> {
        let missing = || LayoutError::damaged(&self.path)(format!("it holds no tensor {name}"));
        self.tensors.get(name).ok_or_else(missing)
    }
}

impl HostTensor {
    /// The largest absolute value.
    pub fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |largest, &value| largest.max(f64::from(value).abs()))
    }

    /// Rows as columns, for a matrix; laid out anew, because a network is no faster than the layout of its weights.
    pub(crate) fn transposed(&self) -> Self {
        let [rows, columns] = self.shape[..] else { return self.clone() };
        let values = kernels::transposed(&self.values, [rows, columns]);
        Self { shape: vec![columns, rows], values }
    }

    /// The tensor on a device.
    ///
    /// # Errors
    ///
    /// If it has not `D` dimensions; a single number has any.
    pub fn upload<const D: usize>(&self, device: &Device) -> Result<Tensor<D>, LayoutError> {
        let shape = if self.shape.is_empty() { vec![1; D] } else { self.shape.clone() };
        if shape.len() != D {
            return Err(LayoutError::Device(format!("a tensor of shape {shape:?} has not {D} dimensions")));
        }
        Ok(Tensor::from_data(TensorData::new(self.values.clone(), shape), device))
    }
}

impl View for &HostTensor {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

/// The numbers of a tensor as f32; none for a kind of number that we do not know.
pub(crate) fn widen(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    /// Files are little-endian, and so is every machine that Burn runs on.
    fn numbers<T: Pod>(bytes: &[u8]) -> Vec<T> {
        bytemuck::pod_collect_to_vec(bytes)
    }
    fn read<T: Pod>(bytes: &[u8], value: impl Fn(T) -> f32) -> Vec<f32> {
        numbers(bytes).into_iter().map(value).collect()
    }
    Some(match dtype {
        Dtype::F32 => numbers(bytes),
        Dtype::F64 => read(bytes, |value: f64| value as f32),
        Dtype::F16 => numbers::<f16>(bytes).to_f32_vec(),
        Dtype::BF16 => numbers::<bf16>(bytes).to_f32_vec(),
        Dtype::I64 => read(bytes, |value: i64| value as f32),
        Dtype::I32 => read(bytes, |value: i32| value as f32),
        Dtype::U8 | Dtype::BOOL => read(bytes, |value: u8| f32::from(value)),
        _ => return None,
    })
}
