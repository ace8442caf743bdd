//! Every way in which a data set can be broken, and what is said about it.
use crate::common::*;
use data::DataError;

const FOLDER: &str = "type = \"folder\"\npath = \"DIR\"\nvalid_fraction = 0.0";

#[test]
fn a_missing_file() {
    let dir = folder();
    assert_eq!(
        error(dir.path(), IDX),
        "DIR/images: no such file or folder; relative paths start at the current directory, and \
         `cargo xtask dataset fetch NAME` downloads the published sets"
    );
    let error = error(dir.path(), "type = \"folder\"\npath = \"DIR/none\"");
    assert!(error.starts_with("DIR/none: no such file or folder"), "{error}");
}

#[test]
fn truncated_gzip() {
    let dir = folder();
    write_idx(dir.path(), 7);
    let whole = gzip(&std::fs::read(dir.path().join("images")).unwrap());
    write(dir.path(), "images", &whole[..whole.len() - 9]);
    let error = error(dir.path(), IDX);
    assert!(error.starts_with("DIR/images: the gzip data is truncated or damaged ("), "{error}");
    assert!(error.ends_with("download the file again"), "{error}");
}

/// Sixteen million bytes in sixteen thousand, none of which the header announces.
#[test]
fn gzip_that_unpacks_to_more_than_it_says() {
    let dir = folder();
    write_idx(dir.path(), 7);
    let bomb = [idx(0x803, &[7, 4, 4], &[0; 112]), vec![0; 1 << 24]].concat();
    write(dir.path(), "images", &gzip(&bomb));
    let error = error(dir.path(), IDX);
    assert!(error.starts_with("DIR/images: 129 bytes where 128 (header of 7x4x4 images)"), "{error}");
}

#[test]
fn a_wrong_magic_number() {
    let dir = folder();
    write_idx(dir.path(), 7);
    assert_eq!(
        error(dir.path(), &IDX.replace("DIR/images", "DIR/labels")),
        "DIR/labels: wrong magic number 0x00000801: IDX images begin with 0x00000803"
    );
}

#[test]
fn a_wrong_length() {
    let dir = folder();
    write_idx(dir.path(), 7);
    write(dir.path(), "images", &idx(0x803, &[7, 4, 4], &[0; 111]));
    assert_eq!(
        error(dir.path(), IDX),
        "DIR/images: 127 bytes where 128 (header of 7x4x4 images) are expected; \
         the file is cut short or of another format"
    );
    write(dir.path(), "images", &idx(0x803, &[u32::MAX; 3], &[0; 111]));
    assert!(error(dir.path(), IDX).contains("header of 4294967295x4294967295x4294967295"));
    write(dir.path(), "images", &idx(0x803, &[7], &[]));
    assert!(error(dir.path(), IDX).contains("8 bytes where at least 16 are expected"));

    write(dir.path(), "data_batch_1.bin", &[0; 3072]);
    assert_eq!(
        error(dir.path(), "type = \"cifar10\"\npath = \"DIR\""),
        "DIR/data_batch_1.bin: 3072 bytes where a multiple of 3073 (label and 32x32 rgb pixels) are expected; \
         the file is cut short or of another format"
    );
}

#[test]
fn labels_and_images_of_unlike_number() {
    let dir = folder();
    write_idx(dir.path(), 7);
    write(dir.path(), "labels", &idx(0x801, &[6], &[0; 6]));
    assert_eq!(error(dir.path(), IDX), "DIR/labels holds 6 labels for the 7 images of DIR/images");
}

#[test]
fn an_unreadable_image() {
    let dir = folder();
    write_classes(dir.path());
    let whole = std::fs::read(dir.path().join("bee/05.png")).unwrap();
    write(dir.path(), "bee/05.png", &whole[..whole.len() / 2]);
    let truncated = error(dir.path(), FOLDER);
    assert!(truncated.starts_with("DIR/bee/05.png: unreadable image: "), "{truncated}");
    assert!(truncated.ends_with("mend or remove it, or pass --skip-bad to go on without it"), "{truncated}");
    write(dir.path(), "ant/01.png", b"not an image");
    assert!(error(dir.path(), FOLDER).starts_with("DIR/ant/01.png: unreadable image: "));
}

#[test]
fn a_label_out_of_range() {
    let dir = folder();
    write_idx(dir.path(), 7);
    write(dir.path(), "vl", &idx(0x801, &[7], &[0, 1, 2, 0, 200, 1, 2]));
    let text = format!("{IDX}\nvalid_images = \"DIR/images\"\nvalid_labels = \"DIR/vl\"");
    assert_eq!(
        error(dir.path(), &text),
        "DIR/images, image 4: label 200 is out of range: the set has 3 classes, 0 to 2"
    );
}

#[test]
fn an_empty_folder() {
    let dir = folder();
    let expected = "DIR: no images found; expected png, jpg, webp, bmp, gif or tiff files, \
                    a sub-folder of them per class, a metadata.jsonl or a metadata.csv";
    assert_eq!(error(dir.path(), FOLDER), expected);
    write(dir.path(), "class/readme.txt", b"");
    let left_out = "left out 1 folder without pictures (class), 1 file of another kind (class/readme.txt)";
    assert_eq!(error(dir.path(), FOLDER), format!("{expected}; {left_out}"));
}

#[test]
fn images_of_unlike_size() {
    let dir = folder();
    write_classes(dir.path());
    write_png(dir.path(), "bee/05.png", 7, &[9]);
    assert_eq!(
        error(dir.path(), FOLDER),
        "images differ in size: DIR/ant/00.png is 6x6 rgb, DIR/bee/05.png is 7x7 grey; \
         set image_size (and channels) in [dataset] to make them equal"
    );
}

#[test]
fn images_beside_classes() {
    let dir = folder();
    write_classes(dir.path());
    write_png(dir.path(), "stray.png", 6, &[0]);
    assert_eq!(
        error(dir.path(), FOLDER),
        "DIR: holds both images (stray.png) and sub-folders (ant): give every image a class or none"
    );
}

#[test]
fn bad_metadata() {
    let dir = folder();
    write_classes(dir.path());
    let check = |lines: &str, expected: &str| {
        write(dir.path(), "metadata.jsonl", lines.as_bytes());
        let error = error(dir.path(), FOLDER);
        assert!(error.contains(expected), "{error}");
    };
    let outside = "metadata.jsonl, line 1: `../a.png` lies outside the folder";
    check("{\"file_name\": \"../a.png\"}", outside);
    check("{\"file_name\": \"a.png\"}\n{\"file\": 1}", "metadata.jsonl, line 2: missing field `file_name`");
    check(
        "{\"file_name\": \"a.png\", \"label\": 1}\n{\"file_name\": \"b.png\"}",
        "metadata.jsonl, line 2: no `label`, which other lines have",
    );
    check(
        "{\"file_name\": \"a.png\", \"label\": 1}\n{\"file_name\": \"b.png\", \"label\": \"x\"}",
        "metadata.jsonl, line 1: `label` is a number here and a name in other lines",
    );
    check("{\"file_name\": \"gone.png\"}", "DIR/gone.png: unreadable image: No such file");
}

#[test]
fn keys_that_make_no_sense() {
    let dir = folder();
    write_idx(dir.path(), 7);
    let check = |keys: &str, expected: &str| {
        let text = format!("{}\n{keys}", IDX.replace("\nvalid_fraction = 0.0", ""));
        assert_eq!(error(dir.path(), &text), expected);
    };
    check("pad_to = 2", "dataset.pad_to: 2 is smaller than the images, which are 4x4");
    check("pad_to = 2\nimage_size = 3", "dataset.pad_to: 2 is smaller than image_size, which is 3");
    check("image_size = 0", "dataset.image_size: 0 pixels leave no image");
    check("valid_fraction = 1.0", "dataset.valid_fraction: 1 is not in [0, 1)");
    check(
        "valid_images = \"DIR/images\"",
        "dataset.valid_labels: labels and valid_labels must both be given or both be left out",
    );
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_without_its_feature() {
    let dir = folder();
    assert_eq!(
        error(dir.path(), "type = \"parquet\"\nfiles = \"DIR\""),
        "this build cannot read parquet: rebuild with `--features parquet` \
         (`cargo xtask train` does so by itself)"
    );
}

#[test]
fn skip_bad_leaves_out_what_is_bad_and_reports_it() {
    let dir = folder();
    write_classes(dir.path());
    write(dir.path(), "ant/01.png", b"not an image");
    write_png(dir.path(), "bee/04.png", 7, &[9]);
    let splits = config(dir.path(), FOLDER).open(true).unwrap();
    assert_eq!(splits.train.len(), 10);
    let marks: Vec<u8> = (0..10).map(|i| mark(&splits.train.picture(i).unwrap())).collect();
    assert_eq!(marks, [0, 2, 3, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(splits.train.label(3), Some(1));

    let skipped = splits.skipped();
    assert_eq!((skipped.count, skipped.of, skipped.first.len()), (2, 12, 2));
    let report = skipped.to_string();
    assert!(report.starts_with("skipped 2 of 12 images: "), "{report}");
    assert!(
        report.contains("ant/01.png: The image format")
            && report.contains("bee/04.png is 7x7 grey, others are 6x6 rgb"),
        "{report}"
    );
    assert!(!report.contains("--skip-bad"), "{report}");
    assert_eq!(config(dir.path(), FOLDER).open(true).unwrap().fingerprint(), splits.fingerprint());
}

#[test]
fn skip_bad_needs_something_left() {
    let dir = folder();
    write(dir.path(), "a.png", b"not an image");
    let error = config(dir.path(), FOLDER).open(true).unwrap_err();
    assert!(
        matches!(error, DataError::Empty { expected: "at least one image that can be read", .. }),
        "{error}"
    );
}

#[test]
fn the_first_bad_image_is_reported_whatever_the_number_of_threads() {
    let dir = folder();
    for i in 0..400 {
        write(dir.path(), &format!("{i:03}.png"), b"not an image");
    }
    for _ in 0..10 {
        assert!(error(dir.path(), FOLDER).starts_with("DIR/000.png"));
    }
}

#[test]
fn an_index_past_the_end() {
    let dir = folder();
    write_idx(dir.path(), 7);
    let splits = open(dir.path(), IDX).unwrap();
    let error = splits.train.fixed(&[3, 7]).unwrap_err();
    assert_eq!(error.to_string(), "no image 7: the set holds 7, numbered from 0");
}

#[test]
fn a_file_that_vanishes_after_opening() {
    let dir = folder();
    write_classes(dir.path());
    let splits = open(dir.path(), FOLDER).unwrap();
    std::fs::remove_file(dir.path().join("ant/02.png")).unwrap();
    let error = splits.train.fixed(&[2]).unwrap_err().to_string();
    assert!(error.contains("ant/02.png: unreadable image: No such file"), "{error}");
}
