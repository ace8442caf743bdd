//! Hugging Face parquet shards.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use super::parquet_config::{ParquetConfig, ShardFiles};
use super::row_groups::Cache;
use crate::decode::decode;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::picture::Picture;
use crate::records::{Opened, ReadImages, Records, count_classes};

/// Bytes of encoded images kept in memory.
const CACHE_BOUND: usize = 1 << 30;

impl ParquetConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        let mut fingerprint = Fingerprint::new("parquet");
        let (train, class_names) =
            self.open_split(&shards(&self.files, &["train-*.parquet"])?, &mut fingerprint)?;
        let valid = match &self.valid_files {
            None => None,
            Some(files) => {
                let paths = shards(files, &["validation-*.parquet", "test-*.parquet"])?;
                Some(self.open_split(&paths, &mut fingerprint)?.0)
            }
        };
        let num_classes = match &class_names {
            Some(names) => Some(names.len()),
            None => train.labels.as_deref().map(count_classes),
        };
        Ok(Opened { train, valid, num_classes, class_names, fingerprint })
    }

    /// The images of `paths`, and the class names that the first of them states.
    fn open_split(
        &self,
        paths: &[PathBuf],
        fingerprint: &mut Fingerprint,
    ) -> Result<(Records, Option<Vec<String>>), DataError> {
        let mut images =
            ShardImages { shards: Vec::new(), groups: Vec::new(), cache: Cache::new(CACHE_BOUND) };
        let mut labels = Vec::new();
        let mut class_names = None;
        for path in paths {
            let shard = Shard::open(path, self.image_column.as_deref())?;
            // Names and sizes: reading every byte of a large set would take too long.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            fingerprint.add(&name, shard.size.to_le_bytes());
            if let Some(column) = &self.label_column {
                labels.extend(shard.labels(column)?);
                class_names = class_names.or_else(|| shard.class_names(column));
            }
            images.add(shard);
        }
        if images.len() == 0 {
            let path = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(DataError::Empty { path, expected: "parquet shards with rows" });
        }
        Ok((Records::new(images, self.label_column.is_some().then_some(labels)), class_names))
    }
}

/// The files that `files` names; of a folder, those of the first pattern that any file has.
fn shards(files: &ShardFiles, patterns: &[&str]) -> Result<Vec<PathBuf>, DataError> {
    let pattern = match files {
        ShardFiles::List(paths) => return Ok(paths.clone()),
        ShardFiles::Pattern(pattern) => pattern,
    };
    if Path::new(pattern).is_dir() {
        for name in patterns {
            let paths = matches(&format!("{}/{name}", glob::Pattern::escape(pattern)))?;
            if !paths.is_empty() {
                return Ok(paths);
            }
        }
        let expected = "shards called train-*.parquet (of validation shards: validation-* or test-*)";
        return Err(DataError::Empty { path: pattern.clone(), expected });
    }
    if !pattern.contains('*') {
        return Ok(vec![pattern.into()]);
    }
    let paths = matches(pattern)?;
    if paths.is_empty() {
        return Err(DataError::Empty { path: pattern.clone(), expected: "files that match the pattern" });
    }
    Ok(paths)
}

/// In the order of their names.
fn matches(pattern: &str) -> Result<Vec<PathBuf>, DataError> {
    let paths = glob::glob(pattern)
        .map_err(|e| DataError::Config { key: "files", reason: format!("{pattern}: {e}") })?;
    paths.map(|path| path.map_err(|e| DataError::read(e.path().to_path_buf(), e.into()))).collect()
}

/// The rows of several shards, one after the other.
struct ShardImages {
    shards: Vec<Shard>,
    groups: Vec<Group>,
    cache: Cache<usize, Vec<Option<ByteArray>>>,
}

/// Where a row group lies among the rows of all shards.
struct Group {
    first_row: usize,
    rows: usize,
    shard: usize,
    number: usize,
}

impl ShardImages {
    fn add(&mut self, shard: Shard) {
        for (number, &rows) in shard.group_rows.iter().enumerate() {
            self.groups.push(Group { first_row: self.len(), rows, shard: self.shards.len(), number });
        }
        self.shards.push(shard);
    }

    fn group_of(&self, row: usize) -> usize {
        self.groups.partition_point(|group| group.first_row + group.rows <= row)
    }

    fn load(&self, index: usize) -> Result<Arc<Vec<Option<ByteArray>>>, DataError> {
        if let Some(images) = self.cache.get(index) {
            return Ok(images);
        }
        let group = &self.groups[index];
        let shard = &self.shards[group.shard];
        // Threads that share a file handle would move each other's position; who waited may find the group read.
        let reader = shard.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(images) = self.cache.get(index) {
            return Ok(images);
        }
        let images = Arc::new(shard.read_images(&reader, group.number)?);
        let size = images.iter().flatten().map(ByteArray::len).sum();
        self.cache.put(index, images.clone(), size);
        Ok(images)
    }
}

impl ReadImages for ShardImages {
    fn len(&self) -> usize {
        self.groups.last().map_or(0, |group| group.first_row + group.rows)
    }

    fn read(&self, index: usize) -> Result<Picture, DataError> {
        let group = self.group_of(index);
        let images = self.load(group)?;
        match &images[index - self.groups[group].first_row] {
            Some(bytes) => decode(bytes.data(), &self.name(index)),
            None => Err(DataError::Image { name: self.name(index), reason: "the row holds none".into() }),
        }
    }

    fn name(&self, index: usize) -> String {
        let shard = self.groups[self.group_of(index)].shard;
        let first_row = self.groups.iter().find(|g| g.shard == shard).map_or(0, |g| g.first_row);
        format!("{}, row {}", self.shards[shard].path.display(), index - first_row)
    }
}

struct Shard {
    path: PathBuf,
    size: u64,
    reader: Mutex<SerializedFileReader<File>>,
    image_column: usize,
    group_rows: Vec<usize>,
}

impl Shard {
    fn open(path: &Path, image_column: Option<&str>) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|e| DataError::read(path, e))?;
        let size = file.metadata().map_err(|e| DataError::read(path, e))?.len();
        let reader = SerializedFileReader::new(file).map_err(|e| DataError::Parquet {
            path: path.into(),
            reason: format!("not a whole parquet file ({e}); download it again"),
        })?;
        let group_rows = reader.metadata().row_groups().iter().map(|g| g.num_rows() as usize).collect();
        let mut shard =
            Self { path: path.into(), size, reader: Mutex::new(reader), image_column: 0, group_rows };
        shard.image_column = shard.find_images(image_column)?;
        Ok(shard)
    }

    fn error(&self, reason: impl ToString) -> DataError {
        DataError::Parquet { path: self.path.clone(), reason: reason.to_string() }
    }

    /// The paths of all leaf columns, such as `img.bytes`, and whether each is free of lists.
    fn columns(&self) -> Vec<(String, bool)> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let schema = reader.metadata().file_metadata().schema_descr();
        schema.columns().iter().map(|c| (c.path().string(), c.max_rep_level() == 0)).collect()
    }

    fn find(&self, names: &[String], key: &str) -> Result<usize, DataError> {
        let columns = self.columns();
        let found = names.iter().find_map(|name| columns.iter().position(|(c, flat)| c == name && *flat));
        found.ok_or_else(|| {
            let columns: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            self.error(format!(
                "no column {}; set dataset.{key} to one of {}",
                names.join(" or "),
                columns.join(", ")
            ))
        })
    }

    fn find_images(&self, column: Option<&str>) -> Result<usize, DataError> {
        let candidates = column.map_or(vec!["image", "img"], |column| vec![column]);
        let names: Vec<String> =
            candidates.iter().flat_map(|name| [format!("{name}.bytes"), name.to_string()]).collect();
        self.find(&names, "image_column")
    }

    fn read_images(
        &self,
        reader: &SerializedFileReader<File>,
        group: usize,
    ) -> Result<Vec<Option<ByteArray>>, DataError> {
        let rows = self.group_rows[group];
        let column = reader.get_row_group(group).and_then(|g| g.get_column_reader(self.image_column));
        match column.map_err(|e| self.error(e))? {
            ColumnReader::ByteArrayColumnReader(column) => {
                read_column::<ByteArrayType>(column, rows).map_err(|e| self.error(e))
            }
            _ => Err(self.error("the image column holds no bytes; set dataset.image_column")),
        }
    }

    /// The labels of all rows; a missing one is -1.
    fn labels(&self, name: &str) -> Result<Vec<i64>, DataError> {
        let index = self.find(&[name.to_string()], "label_column")?;
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut labels = Vec::new();
        for (group, &rows) in self.group_rows.iter().enumerate() {
            let column = reader.get_row_group(group).and_then(|g| g.get_column_reader(index));
            let values = match column.map_err(|e| self.error(e))? {
                ColumnReader::Int64ColumnReader(column) => read_column(column, rows),
                ColumnReader::Int32ColumnReader(column) => read_column(column, rows)
                    .map(|values| values.into_iter().map(|value| value.map(i64::from)).collect()),
                _ => return Err(self.error(format!("column {name} holds no whole numbers"))),
            };
            let values: Vec<Option<i64>> = values.map_err(|e| self.error(e))?;
            labels.extend(values.into_iter().map(|value| value.unwrap_or(-1)));
        }
        Ok(labels)
    }

    /// The names of a `ClassLabel` column in the metadata that the library `datasets` writes.
    fn class_names(&self, column: &str) -> Option<Vec<String>> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = reader.metadata().file_metadata().key_value_metadata()?;
        let text = pairs.iter().find(|pair| pair.key == "huggingface")?.value.as_deref()?;
        let metadata: Value = serde_json::from_str(text).ok()?;
        let names = metadata.pointer("/info/features")?.get(column)?.get("names")?.as_array()?;
        names.iter().map(|name| name.as_str().map(String::from)).collect()
    }
}

/// All `rows` values of a column without lists; `None` where a row has none.
fn read_column<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    while levels.len() < rows {
        let before = levels.len();
        let (read, _, _) = column.read_records(rows - before, Some(&mut levels), None, &mut values)?;
        if read == 0 {
            return Err(ParquetError::EOF(format!("a row group ends after {before} of {rows} rows")));
        }
        // Columns without nulls have no levels.
        levels.resize(before + read, 0);
    }
    if values.len() == rows {
        return Ok(values.into_iter().map(Some).collect());
    }
    let present = levels.iter().max().copied().unwrap_or(0);
    let mut values = values.into_iter();
    Ok(levels.iter().map(|&level| if level == present { values.next() } else { None }).collect())
}
