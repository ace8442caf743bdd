//! Each source of images, from files made here.
use crate::common::*;
use burn::data::dataset::Dataset;
use data::DatasetConfig;

#[test]
fn the_embedded_digits_open() {
    let digits = DatasetConfig::default().open(false).unwrap();
    assert_eq!(digits.train.len() + digits.valid.len(), 1797);
    assert_eq!(digits.valid.len(), 90);
    assert_eq!((digits.image_shape(), digits.num_classes()), ([1, 8, 8], Some(10)));
    assert_eq!(digits.class_names().unwrap()[7], "7");
    let pictures = (0..digits.train.len()).map(|i| digits.train.picture(i).unwrap());
    let (low, high) = pictures
        .flat_map(|picture| picture.bytes().to_vec())
        .fold((255, 0), |(low, high): (u8, u8), byte| (low.min(byte), high.max(byte)));
    assert_eq!((low, high), (0, 255), "values 0 to 16 must fill the range of a byte");
}

/// Saved runs name the set that they were trained on.
#[test]
fn the_fingerprint_of_the_digits_never_changes() {
    let digits = DatasetConfig::default().open(false).unwrap();
    assert_eq!(digits.fingerprint(), "6bde3efe3ca42fffbb02488fcd839780810c66955f1ffea5db5a362bfab41c14");
}

#[test]
fn idx_files_are_read_plain_and_compressed() {
    let dir = folder();
    write_idx(dir.path(), 7);
    let plain = open(dir.path(), IDX).unwrap();
    assert_eq!((plain.train.len(), plain.valid.len(), plain.num_classes()), (7, 0, Some(3)));
    assert_eq!(plain.train.label(5), Some(2));
    assert_eq!(mark(&plain.train.picture(5).unwrap()), 5);

    for name in ["images", "labels"] {
        let bytes = std::fs::read(dir.path().join(name)).unwrap();
        write(dir.path(), name, &gzip(&bytes));
    }
    assert_eq!(open(dir.path(), IDX).unwrap().fingerprint(), plain.fingerprint());
}

#[test]
fn idx_validation_files_take_the_place_of_a_share() {
    let dir = folder();
    write_idx(dir.path(), 6);
    write(dir.path(), "vi", &idx(0x803, &[2, 4, 4], &[9; 32]));
    let unlabelled = "type = \"idx\"\nimages = \"DIR/images\"\nvalid_images = \"DIR/vi\"";
    let splits = open(dir.path(), unlabelled).unwrap();
    assert_eq!((splits.train.len(), splits.valid.len(), splits.num_classes()), (6, 2, None));
    assert_eq!(mark(&splits.valid.picture(1).unwrap()), 9);
}

fn write_cifar(folder: &std::path::Path) {
    for (batch, name) in (1..=6).zip(["1", "2", "3", "4", "5", "test"]) {
        let name = if name == "test" { "test_batch.bin".into() } else { format!("data_batch_{name}.bin") };
        let records: Vec<u8> = (0..2u8)
            .flat_map(|i| {
                let planes = [[batch * 10; 1024], [i; 1024], [7; 1024]].concat();
                [vec![batch + i], planes].concat()
            })
            .collect();
        write(folder, &name, &records);
    }
}

#[test]
fn cifar10_has_planes_labels_and_a_test_batch() {
    let dir = folder();
    write_cifar(dir.path());
    let splits = open(dir.path(), "type = \"cifar10\"\npath = \"DIR\"").unwrap();
    assert_eq!((splits.train.len(), splits.valid.len()), (10, 2));
    assert_eq!((splits.image_shape(), splits.num_classes()), ([3, 32, 32], Some(10)));
    let picture = splits.train.picture(5).unwrap();
    assert_eq!((picture.at(0, 0), picture.at(31, 31)), (&[30, 1, 7][..], &[30, 1, 7][..]));
    assert_eq!((splits.train.label(5), splits.valid.label(0)), (Some(4), Some(6)));
    assert_eq!(splits.class_names().unwrap()[3], "cat");
}

#[test]
fn sub_folders_are_classes_in_the_order_of_their_names() {
    let dir = folder();
    write_classes(dir.path());
    write(dir.path(), "ant/notes.txt", b"no image");
    write(dir.path(), ".hidden/x.png", b"no image");
    let splits = open(dir.path(), "type = \"folder\"\npath = \"DIR\"\nvalid_fraction = 0.0").unwrap();
    assert_eq!(splits.class_names().unwrap(), ["ant", "bee", "cat"]);
    let labels: Vec<_> = (0..12).map(|i| splits.train.label(i).unwrap()).collect();
    assert_eq!(labels, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
    assert_eq!(splits.train.picture(9).unwrap().at(0, 0), [9, 100, 200]);
}

#[test]
fn metadata_gives_captions_and_labels() {
    let dir = folder();
    write_classes(dir.path());
    let lines = "{\"file_name\": \"bee/05.png\", \"text\": \"a bee\", \"label\": \"zoo\", \"extra\": 1}\n\n\
                 {\"file_name\": \"ant/00.png\", \"label\": \"bug\"}\n";
    write(dir.path(), "metadata.jsonl", lines.as_bytes());
    let text = "type = \"folder\"\npath = \"DIR\"\nvalid_fraction = 0.0";
    let splits = open(dir.path(), text).unwrap();
    assert_eq!(splits.class_names().unwrap(), ["bug", "zoo"]);
    let item = splits.train.get(0).unwrap();
    assert_eq!((item.label, item.caption.as_deref()), (Some(1), Some("a bee")));
    assert_eq!(item.pixels.len(), 3 * 6 * 6);
    assert_eq!((splits.train.label(1), splits.train.caption(1)), (Some(0), Some("")));

    let numbers = lines.replace("\"zoo\"", "4").replace("\"bug\"", "0");
    write(dir.path(), "metadata.jsonl", numbers.as_bytes());
    let splits = open(dir.path(), text).unwrap();
    assert_eq!((splits.num_classes(), splits.class_names(), splits.train.label(0)), (Some(5), None, Some(4)));
}

#[test]
fn images_are_resized_padded_and_converted() {
    let dir = folder();
    write_png(dir.path(), "a.png", 6, &[200, 200, 200]);
    write_png(dir.path(), "b.png", 9, &[40]);
    let base = "type = \"folder\"\npath = \"DIR\"\nvalid_fraction = 0.0\nimage_size = 4\n";
    let splits = open(dir.path(), &format!("{base}channels = \"grey\"\npad_to = 8")).unwrap();
    assert_eq!(splits.image_shape(), [1, 8, 8]);
    let picture = splits.train.picture(0).unwrap();
    assert_eq!((picture.at(1, 4), picture.at(2, 2), picture.at(5, 5)), (&[0][..], &[200][..], &[200][..]));

    let splits = open(dir.path(), &format!("{base}channels = \"rgb\"")).unwrap();
    assert_eq!(splits.train.picture(1).unwrap(), data::Picture::filled(4, 4, &[40, 40, 40]));
}

#[test]
fn the_split_is_a_seeded_partition() {
    let dir = folder();
    write_idx(dir.path(), 40);
    let text = IDX.replace("0.0", "0.25");
    let marks = |set: &data::ImageSet| -> Vec<u8> {
        (0..set.len()).map(|i| mark(&set.picture(i).unwrap())).collect()
    };
    let splits = open(dir.path(), &text).unwrap();
    let (train, valid) = (marks(&splits.train), marks(&splits.valid));
    assert_eq!((train.len(), valid.len()), (30, 10));
    let mut all = [train, valid.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert_ne!(valid, (0..10).collect::<Vec<_>>(), "the first images would often be of one class");
    assert_eq!(marks(&open(dir.path(), &text).unwrap().valid), valid);
}

#[test]
fn an_image_file_is_read_for_a_model() {
    let dir = folder();
    write_png(dir.path(), "a.png", 10, &[255, 255, 255]);
    let values = data::read_image(&dir.path().join("a.png"), [1, 8, 4]).unwrap();
    assert_eq!(values, vec![1.0; 32]);
    let missing = data::read_image(&dir.path().join("b.png"), [1, 8, 4]).unwrap_err().to_string();
    assert!(missing.contains("b.png: unreadable image: No such file"), "{missing}");
}
