//! Parquet shards, written here as the library `datasets` writes them.
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::common::*;
use data::Picture;
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
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
        "DIR/train-a.parquet: no column foto; set dataset.image_column to photo"
    );
    assert_eq!(
        error(dir.path(), &text.replace("photo", "kind")),
        "DIR/train-a.parquet: column kind holds whole numbers, not the bytes of an image in each row; \
         set dataset.image_column to photo"
    );
    assert_eq!(
        error(dir.path(), &text.replace("\"kind\"", "\"photo\"")),
        "DIR/train-a.parquet: column photo holds bytes, not text or whole numbers; set dataset.label_column to kind"
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
    assert!(report.contains("row 3: The image format"), "{report}");
}

#[test]
fn truncated_shards_and_empty_folders() {
    let dir = folder();
    assert_eq!(
        error(dir.path(), CONFIG),
        "DIR: no shards called train-*.parquet, train.parquet or train/*.parquet, here or in data/ or default/; \
         it holds no parquet files"
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

/// The columns of a shard of one row group, by their order.
enum Column {
    Images(Vec<Vec<u8>>),
    Texts(Vec<&'static str>),
    Truths(Vec<bool>),
}

fn write_columns(path: &Path, schema: &str, compression: Compression, hf: &str, columns: Vec<Column>) {
    let metadata = vec![KeyValue::new("huggingface".into(), hf.to_string())];
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_key_value_metadata(Some(metadata))
        .build();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, properties.into()).unwrap();
    if columns.is_empty() {
        writer.close().unwrap();
        return;
    }
    let mut group = writer.next_row_group().unwrap();
    for values in columns {
        let mut column = group.next_column().unwrap().unwrap();
        let written = match (column.untyped(), values) {
            (ColumnWriter::ByteArrayColumnWriter(column), Column::Images(images)) => {
                let images: Vec<ByteArray> = images.into_iter().map(Into::into).collect();
                column.write_batch(&images, None, None)
            }
            (ColumnWriter::FixedLenByteArrayColumnWriter(column), Column::Images(images)) => {
                let images: Vec<FixedLenByteArray> =
                    images.into_iter().map(|image| ByteArray::from(image).into()).collect();
                column.write_batch(&images, None, None)
            }
            (ColumnWriter::ByteArrayColumnWriter(column), Column::Texts(texts)) => {
                let texts: Vec<ByteArray> = texts.into_iter().map(Into::into).collect();
                column.write_batch(&texts, None, None)
            }
            (ColumnWriter::BoolColumnWriter(column), Column::Truths(truths)) => {
                column.write_batch(&truths, None, None)
            }
            _ => panic!("no such column here"),
        };
        written.unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

fn pngs(values: &[u8]) -> Column {
    Column::Images(values.iter().map(|&value| png(value)).collect())
}

const NAMED: &str = "message schema {
    required binary image; required binary label (UTF8); required binary caption (UTF8); }";

fn write_named(path: &Path, labels: Vec<&'static str>, captions: Vec<&'static str>) {
    let images = pngs(&(0..labels.len() as u8).collect::<Vec<_>>());
    let columns = vec![images, Column::Texts(labels), Column::Texts(captions)];
    write_columns(path, NAMED, Compression::SNAPPY, "{}", columns);
}

#[test]
fn names_are_labels_and_text_is_a_caption() {
    let dir = folder();
    write_named(
        &dir.path().join("train.parquet"),
        vec!["pear", "fig", "pear"],
        vec!["a pear", "", "another"],
    );
    write_named(&dir.path().join("val.parquet"), vec!["apple"], vec!["an apple"]);
    let text = format!("{CONFIG}\nvalid_files = \"DIR\"");
    let splits = open(dir.path(), &text).unwrap();
    assert_eq!(splits.class_names().unwrap(), ["apple", "fig", "pear"]);
    let labels = [0, 1, 2].map(|i| splits.train.label(i).unwrap());
    assert_eq!((labels, splits.valid.label(0)), ([2, 1, 2], Some(0)));
    assert_eq!((splits.train.caption(2), splits.valid.caption(0)), (Some("another"), Some("an apple")));
    let warnings = splits.warnings();
    assert!(
        warnings[0].starts_with("1 of 3 pictures have no caption, as if it were empty: "),
        "{warnings:?}"
    );
    assert!(warnings[0].ends_with("train.parquet, row 1"), "{warnings:?}");
    assert_eq!(warnings[1], "1 of 3 classes have no training image: apple");
}

#[test]
fn class_names_of_another_order_are_translated() {
    let dir = folder();
    let images: Vec<_> = (0..3).map(|i| Some(png(i))).collect();
    let turned = NAMES.replace("\"ant\", \"bee\", \"cat\"", "\"cat\", \"bee\", \"ant\"");
    for (name, names) in [("train-0", NAMES), ("train-1", &turned), ("test-0", &turned)] {
        write_shard(&dir.path().join(format!("{name}.parquet")), STRUCT, &images, &[0, 1, 2], names);
    }
    let splits = open(dir.path(), &format!("{CONFIG}\nvalid_files = \"DIR\"")).unwrap();
    let labels = |set: &data::ImageSet| (0..set.len()).map(|i| set.label(i).unwrap()).collect::<Vec<_>>();
    assert_eq!((labels(&splits.train), labels(&splits.valid)), (vec![0, 1, 2, 2, 1, 0], vec![2, 1, 0]));
    assert_eq!(splits.class_names().unwrap(), ["ant", "bee", "cat"]);
}

#[test]
fn truth_values_are_two_classes() {
    let dir = folder();
    let schema = "message schema { required binary image; required boolean label; }";
    let columns = vec![pngs(&[1, 2]), Column::Truths(vec![true, false])];
    write_columns(&dir.path().join("train.parquet"), schema, Compression::SNAPPY, "{}", columns);
    let splits = open(dir.path(), CONFIG).unwrap();
    assert_eq!(
        (splits.train.label(0), splits.class_names().unwrap()),
        (Some(1), &["false".into(), "true".into()][..])
    );
}

#[test]
fn images_may_be_of_one_length_and_compressed_in_any_way() {
    let dir = folder();
    let mut image = png(7);
    image.resize(200, 0);
    let fixed = "message schema { required fixed_len_byte_array(200) image; }";
    let path = dir.path().join("train.parquet");
    let unlabelled = CONFIG.replace("label_column = \"label\"\n", "");
    let ways = [
        Compression::UNCOMPRESSED,
        Compression::LZ4_RAW,
        Compression::LZ4,
        Compression::BROTLI(Default::default()),
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
    ];
    for compression in ways {
        write_columns(&path, fixed, compression, "{}", vec![Column::Images(vec![image.clone()])]);
        let splits = open(dir.path(), &unlabelled).unwrap();
        assert_eq!(mark(&splits.train.picture(0).unwrap()), 7, "{compression:?}");
    }
}

#[test]
fn columns_that_cannot_serve_are_named_with_what_they_hold() {
    let dir = folder();
    let path = dir.path().join("train.parquet");
    let lists =
        "message schema { optional group images (LIST) { repeated group list { optional group element {
        optional binary bytes; optional binary path (UTF8); } } } }";
    write_columns(&path, lists, Compression::SNAPPY, "{}", Vec::new());
    let holds = "column images.list.element.bytes holds lists, not the bytes of an image in each row; none of its \
                 columns holds the bytes of an image in each row: images.list.element.bytes (lists), \
                 images.list.element.path (lists)";
    for column in ["images", "images.list.element.bytes"] {
        let text = format!("{CONFIG}\nimage_column = \"{column}\"");
        assert_eq!(error(dir.path(), &text), format!("DIR/train.parquet: {holds}"));
    }
    let text = "message schema { required binary image; required binary text (UTF8); required binary caption (UTF8); }";
    let columns = vec![pngs(&[1]), Column::Texts(vec!["a"]), Column::Texts(vec!["b"])];
    write_columns(&path, text, Compression::SNAPPY, "{}", columns);
    let unlabelled = CONFIG.replace("label_column = \"label\"\n", "");
    assert_eq!(
        error(dir.path(), &unlabelled),
        "DIR/train.parquet: it has columns text and caption: set dataset.caption_column to the one to learn from"
    );
    let splits = open(dir.path(), &format!("{unlabelled}\ncaption_column = \"caption\"")).unwrap();
    assert_eq!(splits.train.caption(0), Some("b"));
}

#[test]
fn shards_of_the_same_size_with_other_images_are_another_set() {
    let dir = folder();
    let path = dir.path().join("train.parquet");
    let schema = "message schema { required binary image; }";
    let unlabelled = CONFIG.replace("label_column = \"label\"\n", "");
    let fingerprint = |value: u8| {
        write_columns(&path, schema, Compression::UNCOMPRESSED, "{}", vec![pngs(&[value, 5])]);
        let splits = open(dir.path(), &unlabelled).unwrap();
        (std::fs::metadata(&path).unwrap().len(), splits.fingerprint().to_owned())
    };
    let (before, after) = (fingerprint(3), fingerprint(4));
    assert_eq!(before.0, after.0);
    assert_ne!(before.1, after.1);
}

#[test]
fn what_lies_in_the_place_of_a_shard_is_named() {
    let dir = folder();
    write(
        dir.path(),
        "train.parquet",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n",
    );
    assert!(
        error(dir.path(), CONFIG).ends_with("it is a pointer of Git LFS, not the shard: run `git lfs pull`")
    );
    std::fs::rename(dir.path().join("train.parquet"), dir.path().join("pictures_of_test.parquet")).unwrap();
    assert_eq!(
        error(dir.path(), CONFIG),
        "DIR: no shards called train-*.parquet, train.parquet or train/*.parquet, here or in data/ or default/; \
         name the shards instead of the folder: DIR/pictures_of_test.parquet"
    );
}
