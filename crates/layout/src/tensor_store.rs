use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::Deserialize;

use crate::folder_content::is_pointer;
use crate::tensor_file::widen;
use crate::torch_file::{self, TorchError, TorchTensor};
use crate::weight_files::{self, WeightFiles};
use crate::{HostTensor, LayoutError};

/// No header is longer; the format's own limit.
const LONGEST_HEADER: u64 = 100_000_000;

/// A network's weights on disk: one safetensors file or one of torch, or several with an index of what each holds. Tensors are read one
/// at a time, so that a network never stands in memory twice.
#[derive(Debug)]
pub struct TensorStore {
    path: PathBuf,
    files: Vec<Shard>,
    places: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: File,
}

/// Where a tensor is.
#[derive(Clone, Debug)]
struct Place {
    shard: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    start: u64,
    length: usize,
}

/// What `*.safetensors.index.json` says.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl TensorStore {
    /// Opens the weights of a part of a folder, whose names begin with one of `stems`: `{stem}.safetensors`, torch's
    /// `{stem}.bin`, or the shards that an index of these lists; or the same of a variant (`{stem}.fp16.safetensors`), where only
    /// one lies there.
    ///
    /// # Errors
    ///
    /// If there are none, or several variants and none without, or a file is missing or damaged.
    pub fn find(folder: &Path, stems: &[&str]) -> Result<Self, LayoutError> {
        match weight_files::find(folder, stems)? {
            WeightFiles::One(path) => Self::open(&path),
            WeightFiles::Index(path) => Self::open_shards(&path),
        }
    }

    /// Opens one file.
    ///
    /// # Errors
    ///
    /// If it is missing or damaged.
    pub fn open(path: &Path) -> Result<Self, LayoutError> {
        let mut store = Self { path: path.to_path_buf(), files: Vec::new(), places: BTreeMap::new() };
        store.add(path)?;
        Ok(store)
    }

    fn open_shards(index: &Path) -> Result<Self, LayoutError> {
        let text = fs::read_to_string(index).map_err(LayoutError::io("read", index))?;
        let Index { weight_map } = serde_json::from_str(&text).map_err(LayoutError::damaged(index))?;
        let mut store = Self { path: index.to_path_buf(), files: Vec::new(), places: BTreeMap::new() };
        let mut names: Vec<&String> = weight_map.values().collect();
        names.sort();
        names.dedup();
        for name in names {
            if Path::new(name).components().count() != 1 {
                return Err(LayoutError::damaged(index)(format!("{name} is not beside it")));
            }
            store.add(&index.with_file_name(name))?;
        }
        for (tensor, shard) in &weight_map {
            let held = store.places.get(tensor).map(|place| &store.files[place.shard].path);
            if held.and_then(|path| path.file_name()) != Some(shard.as_ref()) {
                return Err(LayoutError::damaged(index)(format!("{shard} holds no tensor {tensor}")));
            }
        }
        Ok(store)
    }

    fn add(&mut self, path: &Path) -> Result<(), LayoutError> {
        let mut file = File::open(path).map_err(LayoutError::io("read", path))?;
        if is_pointer(path) {
            let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
            return Err(LayoutError::Pointers { folder, pointers: vec![path.to_path_buf()] });
        }
        if path.extension().is_some_and(|ending| ["bin", "pth", "pt"].iter().any(|torch| ending == *torch)) {
            return self.add_torch(path, file);
        }
        let damaged = |reason: String| LayoutError::damaged(path)(reason);
        let size = file.metadata().map_err(LayoutError::io("read", path))?.len();
        let mut count = [0; 8];
        file.read_exact(&mut count)
            .map_err(|_| damaged("it is too short to be a safetensors file".into()))?;
        let header = u64::from_le_bytes(count);
        if header > LONGEST_HEADER || 8 + header > size {
            return Err(damaged(format!(
                "its header is said to be {header} bytes long, in a file of {size}"
            )));
        }
        let mut bytes = vec![0; header as usize];
        file.read_exact(&mut bytes).map_err(LayoutError::io("read", path))?;
        let metadata: Metadata = serde_json::from_slice(&bytes).map_err(LayoutError::damaged(path))?;
        let shard = self.files.len();
        for (name, info) in metadata.tensors() {
            let (start, end) = info.data_offsets;
            let length = end.saturating_sub(start);
            let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |bits, &side| bits.checked_mul(side));
            let start = (8 + header).checked_add(start as u64);
            let fits = |start: &u64| start.checked_add(length as u64).is_some_and(|end| end <= size);
            let Some(start) = start.filter(fits).filter(|_| bits.is_some() && bits == length.checked_mul(8))
            else {
                return Err(damaged(format!("{name} is not where its header says")));
            };
            let place = Place { shard, dtype: info.dtype, shape: info.shape.clone(), start, length };
            self.places.insert(name, place);
        }
        self.files.push(Shard { path: path.to_path_buf(), file });
        Ok(())
    }

    fn add_torch(&mut self, path: &Path, mut file: File) -> Result<(), LayoutError> {
        let tensors = torch_file::tensors(&mut file).map_err(|error| match error {
            TorchError::Io(reason) => LayoutError::io("read", path)(reason),
            TorchError::Damaged(reason) => LayoutError::damaged(path)(reason),
        })?;
        let shard = self.files.len();
        for TorchTensor { name, dtype, shape, start, length } in tensors {
            self.places.insert(name, Place { shard, dtype, shape, start, length });
        }
        self.files.push(Shard { path: path.to_path_buf(), file });
        Ok(())
    }

    /// The file, or the index of several.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the weights can be those of a network of so many tensors, before it is made.
    ///
    /// # Errors
    ///
    /// If they are fewer; `config` is the configuration that the message names.
    pub fn check_count(&self, least: usize, config: &Path) -> Result<(), LayoutError> {
        if least <= self.places.len() {
            return Ok(());
        }
        let reason = format!(
            "it describes a network of {least} tensors or more, but {} holds {}",
            self.path.display(),
            self.places.len()
        );
        Err(LayoutError::Size { config: config.to_path_buf(), reason })
    }

    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.places.iter().map(|(name, place)| (name.as_str(), place.shape.as_slice()))
    }

    /// A tensor by name, widened to f32.
    ///
    /// # Errors
    ///
    /// If there is none, it holds numbers of an unknown kind, or cannot be read.
    pub fn read(&self, name: &str) -> Result<HostTensor, LayoutError> {
        let missing = || LayoutError::damaged(&self.path)(format!("it holds no tensor {name}"));
        let place = self.places.get(name).ok_or_else(missing)?;
        let Shard { path, file } = &self.files[place.shard];
        let mut bytes = vec![0; place.length];
        let mut reader = file;
        reader
            .seek(SeekFrom::Start(place.start))
            .and_then(|_| reader.read_exact(&mut bytes))
            .map_err(LayoutError::io("read", path))?;
        let unknown = || LayoutError::damaged(path)(format!("{name} holds {:?}", place.dtype));
        let values = widen(place.dtype, &bytes).ok_or_else(unknown)?;
        Ok(HostTensor { shape: place.shape.clone(), values })
    }
}
