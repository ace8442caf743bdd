//! Hugging Face parquet shards.

mod classes;
mod columns;
mod files;
mod footer;
mod guard;
mod row_groups;
mod shard;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use parquet::data_type::ByteArray;

use self::classes::{ShardLabels, classes};
use self::row_groups::Cache;
use self::shard::Shard;
use super::parquet_config::ParquetConfig;
use crate::decode::decode;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::left_out::some;
use crate::picture::Picture;
use crate::records::{Opened, ReadImages, Records, count_classes};

/// Bytes of encoded images kept in memory.
const CACHE_BOUND: usize = 1 << 30;

impl ParquetConfig {
    pub(crate) fn open(&self) -> Result<Opened, DataError> {
        let mut notes = Vec::new();
        let mut train = self.open_split(&files::training(&self.files)?, &mut notes)?;
        let valid = self.valid_files.as_ref();
        let valid = valid.map(|files| self.open_split(&files::validation(files)?, &mut notes)).transpose()?;
        let mut splits = vec![&mut train];
        let mut valid = valid;
        splits.extend(&mut valid);

        // Of names and sizes, as it was before fingerprints knew what the files hold.
        let mut recorded_once = Fingerprint::new("parquet");
        let mut fingerprint = Fingerprint::new("parquet");
        for shard in splits.iter().flat_map(|split| &split.images.shards) {
            let name = shard.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            recorded_once.add(&name, shard.size.to_le_bytes());
            fingerprint.add("shard", name);
        }
        let labels = splits.iter_mut().map(|split| std::mem::take(&mut split.labels)).collect();
        let (class_names, labels) = match self.label_column.is_some() {
            true => {
                let (names, labels) = classes(labels)?;
                (names, labels.into_iter().map(Some).collect())
            }
            false => (None, vec![None; splits.len()]),
        };
        for (split, labels) in splits.iter().zip(&labels) {
            labels.iter().flatten().for_each(|label| fingerprint.add("label", label.to_le_bytes()));
            split.captions.iter().flatten().for_each(|caption| fingerprint.add("text", caption));
        }
        class_names.iter().flatten().for_each(|name| fingerprint.add("class", name));

        let mut labels = labels.into_iter();
        let train = train.records(labels.next().flatten());
        let valid = valid.map(|split| split.records(labels.next().flatten()));
        let num_classes = match &class_names {
            Some(names) => Some(names.len()),
            None => train.labels.as_deref().map(count_classes),
        };
        let recorded_once = Some(recorded_once);
        Ok(Opened {
            valid,
            num_classes,
            class_names,
            recorded_once,
            notes,
            ..Opened::new(train, fingerprint)
        })
    }

    fn open_split(&self, paths: &[PathBuf], notes: &mut Vec<String>) -> Result<Split, DataError> {
        notes.extend(files::missing(paths));
        let mut split = Split {
            images: ShardImages { shards: Vec::new(), groups: Vec::new(), cache: Cache::new(CACHE_BOUND) },
            labels: Vec::new(),
            captions: None,
        };
        for path in paths {
            let shard = Shard::open(path, self.image_column.as_deref())?;
            if let Some(column) = &self.label_column {
                split.labels.push(shard.labels(column)?);
            }
            let before = split.images.len();
            if let Some(captions) = shard.captions(self.caption_column.as_deref())? {
                split.captions.get_or_insert_with(|| vec![String::new(); before]).extend(captions);
            }
            split.images.add(shard);
            if let Some(captions) = &mut split.captions {
                captions.resize(split.images.len(), String::new());
            }
        }
        if split.images.len() == 0 {
            let path = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(DataError::Empty { path, expected: "parquet shards with rows" });
        }
        notes.extend(split.without_caption());
        Ok(split)
    }
}

/// The rows of the shards of one split.
struct Split {
    images: ShardImages,
    /// As many as shards, where there are labels.
    labels: Vec<ShardLabels>,
    captions: Option<Vec<String>>,
}

impl Split {
    fn without_caption(&self) -> Option<String> {
        let captions = self.captions.as_ref()?;
        let without = (0..captions.len()).filter(|&row| captions[row].is_empty());
        let without: Vec<String> = without.map(|row| self.images.name(row)).collect();
        (!without.is_empty()).then(|| {
            let (number, all, names) = (without.len(), captions.len(), some(&without));
            format!("{number} of {all} pictures have no caption, as if it were empty: {names}")
        })
    }

    fn records(self, labels: Option<Vec<i64>>) -> Records {
        Records { captions: self.captions, ..Records::new(self.images, labels) }
    }
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

    fn encoded(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let group = self.group_of(index);
        match &self.load(group)?[index - self.groups[group].first_row] {
            Some(bytes) => Ok(bytes.data().to_vec()),
            None => Err(DataError::Image { name: self.name(index), reason: "the row holds none".into() }),
        }
    }

    fn read(&self, index: usize) -> Result<Picture, DataError> {
        decode(&self.encoded(index)?, &self.name(index))
    }

    fn name(&self, index: usize) -> String {
        let shard = self.groups[self.group_of(index)].shard;
        let first_row = self.groups.iter().find(|g| g.shard == shard).map_or(0, |g| g.first_row);
        format!("{}, row {}", self.shards[shard].path.display(), index - first_row)
    }
}
