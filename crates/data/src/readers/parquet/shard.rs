//! One parquet file.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FixedLenByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use super::classes::{Labels, ShardLabels};
use super::columns::{Leaf, Role, find};
use super::footer;
use super::guard::guarded;
use crate::decode::LFS_POINTER;
use crate::error::DataError;

pub(super) struct Shard {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) reader: Mutex<SerializedFileReader<File>>,
    image_column: usize,
    pub(super) group_rows: Vec<usize>,
}

impl Shard {
    pub(super) fn open(path: &Path, image_column: Option<&str>) -> Result<Self, DataError> {
        let failed = |e| DataError::read(path, e);
        let unusable = |reason: String| DataError::Parquet { path: path.into(), reason };
        // A pipe would be waited for without end.
        let there = fs::metadata(path).map_err(failed)?;
        if !there.is_file() {
            return Err(unusable("it is no regular file".into()));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut first = Vec::new();
        file.by_ref().take(LFS_POINTER.len() as u64).read_to_end(&mut first).map_err(failed)?;
        if first == LFS_POINTER {
            return Err(unusable("it is a pointer of Git LFS, not the shard: run `git lfs pull`".into()));
        }
        file.rewind().map_err(failed)?;
        let damaged =
            |reason: String| unusable(format!("not a whole parquet file ({reason}); download it again"));
        let reader = guarded(|| SerializedFileReader::new(file)).map_err(|e| damaged(e.to_string()))?;
        if let Some(fault) = footer::fault(reader.metadata(), there.len()) {
            return Err(damaged(fault));
        }
        let group_rows = reader.metadata().row_groups().iter().map(|g| g.num_rows() as usize).collect();
        let reader = Mutex::new(reader);
        let mut shard = Self { path: path.into(), size: there.len(), reader, image_column: 0, group_rows };
        let names = image_column.map_or(Role::Images.names().to_vec(), |name| vec![name]);
        shard.image_column = shard.find(&names, Role::Images)?;
        Ok(shard)
    }

    fn error(&self, reason: impl ToString) -> DataError {
        DataError::Parquet { path: self.path.clone(), reason: reason.to_string() }
    }

    fn reader(&self) -> MutexGuard<'_, SerializedFileReader<File>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn columns(&self) -> Vec<Leaf> {
        Leaf::all(self.reader().metadata().file_metadata().schema_descr())
    }

    fn find(&self, names: &[&str], role: Role) -> Result<usize, DataError> {
        find(&self.columns(), names, role).map_err(|reason| self.error(reason))
    }

    pub(super) fn read_images(
        &self,
        reader: &SerializedFileReader<File>,
        group: usize,
    ) -> Result<Vec<Option<ByteArray>>, DataError> {
        self.read_bytes(reader, group, self.image_column)
    }

    fn read_bytes(
        &self,
        reader: &SerializedFileReader<File>,
        group: usize,
        column: usize,
    ) -> Result<Vec<Option<ByteArray>>, DataError> {
        let rows = self.group_rows[group];
        let values = match self.column(reader, group, column)? {
            ColumnReader::ByteArrayColumnReader(column) => read_column::<ByteArrayType>(column, rows),
            ColumnReader::FixedLenByteArrayColumnReader(column) => {
                let values = read_column::<FixedLenByteArrayType>(column, rows);
                values.map(|values| values.into_iter().map(|value| value.map(ByteArray::from)).collect())
            }
            _ => return Err(self.error("a row group's columns are not those of the file")),
        };
        values.map_err(|e| self.error(e))
    }

    fn column(
        &self,
        reader: &SerializedFileReader<File>,
        group: usize,
        column: usize,
    ) -> Result<ColumnReader, DataError> {
        let column = guarded(|| reader.get_row_group(group)?.get_column_reader(column));
        column.map_err(|e| self.error(e))
    }

    /// The text of a column in all rows; empty where there is none.
    fn texts(&self, column: usize) -> Result<Vec<Option<String>>, DataError> {
        let reader = self.reader();
        let mut texts = Vec::new();
        for group in 0..self.group_rows.len() {
            for (row, text) in self.read_bytes(&reader, group, column)?.into_iter().enumerate() {
                let text = text.map(|text| text.as_utf8().map(String::from)).transpose();
                texts.push(text.map_err(|e| self.error(format!("row group {group}, row {row}: {e}")))?);
            }
        }
        Ok(texts)
    }

    /// The labels of all rows.
    pub(super) fn labels(&self, name: &str) -> Result<ShardLabels, DataError> {
        let column = self.find(&[name], Role::Labels)?;
        let reader = self.reader();
        let mut labels = Vec::new();
        let mut names = self.class_names(&reader, name);
        for (group, &rows) in self.group_rows.iter().enumerate() {
            let values = match self.column(&reader, group, column)? {
                ColumnReader::Int64ColumnReader(column) => read_column(column, rows),
                ColumnReader::Int32ColumnReader(column) => read_column(column, rows)
                    .map(|values| values.into_iter().map(|value| value.map(i64::from)).collect()),
                ColumnReader::BoolColumnReader(column) => {
                    names.get_or_insert_with(|| ["false", "true"].map(String::from).to_vec());
                    read_column(column, rows)
                        .map(|values| values.into_iter().map(|value| value.map(i64::from)).collect())
                }
                ColumnReader::ByteArrayColumnReader(_) => {
                    drop(reader);
                    let labels = Labels::Names(self.texts(column)?);
                    return Ok(ShardLabels { path: self.path.clone(), labels });
                }
                _ => return Err(self.error("a row group's columns are not those of the file")),
            };
            labels.extend(values.map_err(|e| self.error(e))?);
        }
        Ok(ShardLabels { path: self.path.clone(), labels: Labels::Numbers(labels, names) })
    }

    /// The captions of all rows, empty where there is none; of `text` or `caption` unless another column is named.
    pub(super) fn captions(&self, name: Option<&str>) -> Result<Option<Vec<String>>, DataError> {
        let columns = self.columns();
        let column = match name {
            Some(name) => self.find(&[name], Role::Captions)?,
            None => {
                let there = |name: &&str| find(&columns, &[name], Role::Captions).ok();
                let found: Vec<usize> = Role::Captions.names().iter().filter_map(there).collect();
                match found[..] {
                    [] => return Ok(None),
                    [one] => one,
                    _ => {
                        let names = Role::Captions.names().join(" and ");
                        let reason = format!(
                            "it has columns {names}: set dataset.caption_column to the one to learn from"
                        );
                        return Err(self.error(reason));
                    }
                }
            }
        };
        let captions = self.texts(column)?.into_iter().map(Option::unwrap_or_default);
        Ok(Some(captions.map(|text| if text.trim().is_empty() { String::new() } else { text }).collect()))
    }

    /// The names of a `ClassLabel` column in the metadata that the library `datasets` writes.
    fn class_names(&self, reader: &SerializedFileReader<File>, column: &str) -> Option<Vec<String>> {
        let pairs = reader.metadata().file_metadata().key_value_metadata()?;
        let text = pairs.iter().find(|pair| pair.key == "huggingface")?.value.as_deref()?;
        let metadata: Value = serde_json::from_str(text).ok()?;
        let names = metadata.pointer("/info/features")?.get(column)?.get("names")?.as_array()?;
        names.iter().map(|name| name.as_str().map(String::from)).collect()
    }
}

/// All `rows` values of a column without lists; `None` where a row has none.
fn read_column<T: DataType>(
    column: ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    guarded(|| read_records(column, rows))
}

fn read_records<T: DataType>(
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
