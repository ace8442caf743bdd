use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use data::{DataError, ReadEncoded};
use serde::{Deserialize, Serialize};

/// The latents of a data set on disk, a safetensors file of single-precision numbers. They are read when they are used, so
/// that memory does not grow with the set.
#[derive(Debug)]
pub(super) struct LatentFile {
    /// What the latents are of.
    pub(super) content: Content,
    path: PathBuf,
    file: Mutex<File>,
    /// Where the numbers begin.
    start: u64,
    parts: BTreeMap<String, TensorInfo>,
}

/// What the latents of a file are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    /// SHA-256 of the images' pixels.
    pub(super) images: String,
    /// SHA-256 of the first stage's weights.
    pub(super) first_stage: String,
}

impl Content {
    /// What is not the same in another.
    pub(super) fn difference(&self, other: &Self) -> &'static str {
        match (self.images == other.images, self.first_stage == other.first_stage) {
            (false, _) => "made of other images",
            (true, false) => "made by another first stage",
            (true, true) => "made for other sets",
        }
    }
}

/// A tensor that is written: its name and its shape, that of all its latents.
pub(super) type Part = (&'static str, [usize; 4]);

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    content: Content,
    #[serde(flatten)]
    parts: BTreeMap<String, TensorInfo>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct TensorInfo {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

const NUMBER: u64 = size_of::<f32>() as u64;
/// No header of ours is longer.
const MOST: u64 = 1 << 16;

impl LatentFile {
    /// Writes what stands before the numbers, which follow in the order of the parts.
    pub(super) fn write_header(file: &mut impl Write, content: &Content, parts: &[Part]) -> io::Result<()> {
        let mut end = 0;
        let infos = parts.iter().map(|(name, shape)| {
            let begin = end;
            end += shape.iter().product::<usize>() as u64 * NUMBER;
            let info = TensorInfo { dtype: "F32".into(), shape: shape.to_vec(), data_offsets: [begin, end] };
            ((*name).to_owned(), info)
        });
        let header = Header { parts: infos.collect(), content: content.clone() };
        let mut text = serde_json::to_vec(&header)?;
        text.resize(text.len().next_multiple_of(8), b' ');
        file.write_all(&(text.len() as u64).to_le_bytes())?;
        file.write_all(&text)
    }

    /// Opens a file, if it is there and whole.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MOST {
            return Err(io::Error::other("it does not begin as a file of latents does"));
        }
        let mut text = vec![0; length as usize];
        file.read_exact(&mut text)?;
        let Header { content, parts } = serde_json::from_slice(&text)?;
        let start = 8 + length;
        let end = parts.values().map(|part| part.data_offsets[1]).max().unwrap_or(0);
        if file.metadata()?.len() != start + end {
            return Err(io::Error::other("it is cut short"));
        }
        Ok(Self { content, path: path.to_path_buf(), file: Mutex::new(file), start, parts })
    }

    /// Whether these are the parts.
    pub(super) fn holds(&self, parts: &[Part]) -> bool {
        let same = |(name, shape): &Part| self.parts.get(*name).is_some_and(|part| part.shape == *shape);
        self.parts.len() == parts.len() && parts.iter().all(same)
    }

    /// Adds `count` numbers of a part, from the one numbered `first` on, to `values`.
    fn read(&self, part: &str, first: usize, count: usize, values: &mut Vec<f32>) -> io::Result<()> {
        let damaged = || io::Error::other(format!("it has no number {} of {part}", first + count));
        let [begin, end] = self.parts.get(part).ok_or_else(damaged)?.data_offsets;
        let from = begin + first as u64 * NUMBER;
        let mut bytes = vec![0; count * NUMBER as usize];
        if from + bytes.len() as u64 > end {
            return Err(damaged());
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.start + from))?;
        file.read_exact(&mut bytes)?;
        values.extend(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        Ok(())
    }
}

/// The latents of one set, scaled.
pub(super) struct Latents {
    pub(super) file: Arc<LatentFile>,
    /// The tensor of the images, and that of their mirror images.
    pub(super) parts: [&'static str; 2],
    /// Numbers of a latent.
    pub(super) size: usize,
    /// What each is multiplied by.
    pub(super) scale: f64,
}

impl ReadEncoded for Latents {
    fn read(&self, index: usize, mirrored: bool, values: &mut Vec<f32>) -> Result<(), DataError> {
        let (part, before) = (self.parts[usize::from(mirrored)], values.len());
        self.file.read(part, index * self.size, self.size, values).map_err(|error| DataError::Layout {
            path: self.file.path.display().to_string(),
            reason: format!("{error}: remove it, and it is made anew"),
        })?;
        for value in &mut values[before..] {
            *value = (f64::from(*value) * self.scale) as f32;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content { images: "a".into(), first_stage: "b".into() }
    }

    fn write(path: &Path) {
        let mut file = File::create(path).unwrap();
        let parts = [("train", [2, 1, 1, 2]), ("valid", [1, 1, 1, 2])];
        LatentFile::write_header(&mut file, &content(), &parts).unwrap();
        for number in 0..6_i16 {
            file.write_all(&f32::from(number).to_le_bytes()).unwrap();
        }
    }

    #[test]
    fn latents_are_found_by_their_number_and_scaled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latents.safetensors");
        write(&path);
        let file = Arc::new(LatentFile::open(&path).unwrap());
        assert_eq!(file.content, content());
        let read = |parts, index, mirrored| {
            let latents = Latents { file: file.clone(), parts, size: 2, scale: 0.5 };
            let mut values = vec![7.0];
            latents.read(index, mirrored, &mut values).map(|()| values)
        };
        assert_eq!(read(["train", "train"], 1, false).unwrap(), [7.0, 1.0, 1.5]);
        assert_eq!(read(["train", "valid"], 0, true).unwrap(), [7.0, 2.0, 2.5]);
        let error = read(["train", "train"], 2, false).unwrap_err().to_string();
        assert!(error.contains("it has no number 6 of train: remove it"), "{error}");
    }

    #[test]
    fn a_file_that_is_cut_short_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latents.safetensors");
        write(&path);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        assert_eq!(LatentFile::open(&path).unwrap_err().to_string(), "it is cut short");
    }
}
