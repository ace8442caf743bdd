//! Parquet shards, written here as the library `datasets` writes them.
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::common::*;
use data::Picture;
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const STRUCT: &str = "message schema {
    optional group img { optional binary bytes; optional binary path (UTF8); }
    optional int64 label; }";
const RAW: &str = "message schema { required binary photo; required int32 kind; }";
const NAMES: &str = r#"{"info": {"features": {
    "img": {"_type": "Image"}, "label": {"names": ["ant", "bee", "cat"], "_type": "ClassLabel"}}}}"#;

/// The PNG bytes of a 4x4 grey image of one value.
fn png(value: u8) -> Vec<u8> {
    let dir = folder();
    let path = dir.path().join("a.png");
    Picture::filled(4, 4, &[value]).write_png(&path, &[]).unwrap();
    std::fs::read(path).unwrap()
}

/// Writes the images in row groups of three; the schema decides which columns there are.
fn write_shard(path: &Path, schema: &str, images: &[Option<Vec<u8>>], labels: &[i64], hf: &str) {
    let metadata = vec![KeyValue::new("huggingface".into(), hf.to_string())];
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(metadata))
        .build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, properties.into()).unwrap();
    for (images, labels) in images.chunks(3).zip(labels.chunks(3)) {
        let mut group = writer.next_row_group().unwrap();
        let mut first = true;
        while let Some(mut column) = group.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(column) => {
                    let present = |image: &Option<Vec<u8>>| first && image.is_some();
                    let level = if column.get_descriptor().max_def_level() == 2 { 2 } else { 0 };
                    let levels: Vec<i16> =
                        images.iter().map(|i| if present(i) { level } else { level / 2 }).collect();
                    let values: Vec<ByteArray> =
                        images.iter().filter(|i| present(i)).flatten().cloned().map(Into::into).collect();
                    column.write_batch(&values, (level > 0).then_some(&levels[..]), None).unwrap();
                }
                ColumnWriter::Int64ColumnWriter(column) => {
                    let levels: Vec<i16> = labels.iter().map(|&label| i16::from(label >= -1)).collect();
                    let values: Vec<i64> = labels.iter().copied().filter(|&label| label >= -1).collect();
                    column.write_batch(&values, Some(&levels), None).unwrap();
                }
                ColumnWriter::Int32ColumnWriter(column) => {
                    let values: Vec<i32> = labels.iter().map(|&label| label as i32).collect();
                    column.write_batch(&values, None, None).unwrap();
                }
                _ => panic!("no such column here"),
            }
            column.close().unwrap();
            first = false;
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Eight images, in shards of seven and one.
fn write_shards(folder: &Path) {
    let images: Vec<_> = (0..8).map(|i| Some(png(i * 10))).collect();
    let labels = [0, 1, 2, 0, 1, 2, 0, 1];
    write_shard(&folder.join("train-00000.parquet"), STRUCT, &images[..7], &labels[..7], NAMES);
    write_shard(&folder.join("train-00001.parquet"), STRUCT, &images[7..], &labels[7..], NAMES);
    write_shard(&folder.join("test-00000.parquet"), STRUCT, &[Some(png(99))], &[2], NAMES);
}

const CONFIG: &str = "type = \"parquet\"\nfiles = \"DIR\"\nlabel_column = \"label\"\nvalid_fraction = 0.0";

#[test]
fn any_row_of_any_shard_can_be_read() {
    let dir = folder();
    write_shards(dir.path());
    let splits = open(dir.path(), CONFIG).unwrap();
    assert_eq!((splits.train.len(), splits.image_shape()), (8, [1, 4, 4]));
    for i in [7, 0, 6, 2, 3, 5] {
        assert_eq!(mark(&splits.train.picture(i).unwrap()), i as u8 * 10);
        assert_eq!(splits.train.label(i), Some(i % 3));
    }
    assert_eq!(splits.class_names().unwrap(), ["ant", "bee", "cat"]);
}

#[test]
fn patterns_lists_and_validation_shards() {
    let dir = folder();
    write_shards(dir.path());
    let pattern = CONFIG.replace("\"DIR\"", "\"DIR/train-*1.parquet\"\nvalid_files = \"DIR\"");
    let splits = open(dir.path(), &pattern).unwrap();
    assert_eq!((splits.train.len(), splits.valid.len()), (1, 1));
    assert_eq!(mark(&splits.valid.picture(0).unwrap()), 99);
    let list = CONFIG.replace("\"DIR\"", "[\"DIR/test-00000.parquet\", \"DIR/train-00001.parquet\"]");
    let splits = open(dir.path(), &list).unwrap();
    assert_eq!(mark(&splits.train.picture(1).unwrap()), 70);
}

#[test]
fn raw_bytes_and_columns_of_other_names() {
    let dir = folder();
    let images: Vec<_> = (0..4).map(|i| Some(png(i))).collect();
    write_shard(&dir.path().join("train-a.parquet"), RAW, &images, &[1, 0, 3, 2], "{}");
    let text = "type = \"parquet\"\nfiles = \"DIR\"\nimage_column = \"photo\"\nlabel_column = \"kind\"\nvalid_fraction = 0.0";
    let splits = open(dir.path(), text).unwrap();
    assert_eq!((splits.num_classes(), splits.class_names()), (Some(4), None));
    assert_eq!((mark(&splits.train.picture(3).unwrap()), splits.train.label(3)), (3, Some(2)));

    let wrong = text.replace("photo", "foto");
    assert_eq!(
        error(dir.path(), &wrong),
        "DIR/train-a.parquet: no column foto.bytes or foto; set dataset.image_column to one of photo, kind"
    );
    assert_eq!(
        error(dir.path(), &text.replace("photo", "kind")),
        "DIR/train-a.parquet: the image column holds no bytes; set dataset.image_column"
    );
    assert_eq!(
        error(dir.path(), &text.replace("\"kind\"", "\"photo\"")),
        "DIR/train-a.parquet: column photo holds no whole numbers"
    );
}

#[test]
fn rows_without_images_or_labels_are_named() {
    let dir = folder();
    let images = vec![Some(png(0)), None, Some(png(2)), Some(b"broken".to_vec())];
    let path = dir.path().join("train-0.parquet");
    write_shard(&path, STRUCT, &images, &[0, 0, -2, 0], NAMES);
    let unlabelled = CONFIG.replace("label_column = \"label\"\n", "");
    assert_eq!(
        error(dir.path(), &unlabelled),
        "DIR/train-0.parquet, row 1: unreadable image: the row holds none; \
         mend or remove it, or pass --skip-bad to go on without it"
    );
    let splits = config(dir.path(), CONFIG).open(true).unwrap();
    assert_eq!((splits.train.len(), splits.skipped().count), (1, 3));
    let report = splits.skipped().to_string();
    assert!(report.contains("row 2: label -1 is out of range: the set has 3 classes"), "{report}");
    assert!(report.contains("row 3: unreadable image: "), "{report}");
}

#[test]
fn truncated_shards_and_empty_folders() {
    let dir = folder();
    assert_eq!(
        error(dir.path(), CONFIG),
        "DIR: no images found; expected shards called train-*.parquet \
         (of validation shards: validation-* or test-*)"
    );
    write_shards(dir.path());
    let path = dir.path().join("train-00000.parquet");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let truncated = error(dir.path(), CONFIG);
    assert!(truncated.starts_with("DIR/train-00000.parquet: not a whole parquet file ("), "{truncated}");
    let missing = error(dir.path(), &CONFIG.replace("\"DIR\"", "\"DIR/none.parquet\""));
    assert!(missing.starts_with("DIR/none.parquet: no such file"), "{missing}");
}
