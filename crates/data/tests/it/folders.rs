//! Folders as people have them.
use crate::common::*;
use data::Splits;

const FOLDER: &str = "type = \"folder\"\npath = \"DIR\"\nvalid_fraction = 0.0";

fn opened(dir: &TempDir) -> Splits {
    open(dir.path(), FOLDER).unwrap()
}

/// Its warnings, with `DIR` for the folder.
fn warnings(dir: &TempDir) -> Vec<String> {
    let folder = dir.path().display().to_string();
    opened(dir).warnings().iter().map(|line| line.replace(&folder, "DIR")).collect()
}

fn captions(splits: &Splits) -> Vec<&str> {
    (0..splits.train.len()).map(|index| splits.train.caption(index).unwrap()).collect()
}

fn png(dir: &TempDir, name: &str) {
    write_png(dir.path(), name, 6, &[name.len() as u8, 0, 0]);
}

#[test]
fn only_folders_with_pictures_are_classes_and_the_rest_is_named() {
    let dir = folder();
    write_classes(dir.path());
    write(dir.path(), "__MACOSX/ant/._00.png", b"no picture");
    write(dir.path(), "nothing/notes.md", b"");
    write(dir.path(), ".git/config", b"");
    write(dir.path(), "ant/x.heic", b"");
    write(dir.path(), "ant/notes.txt", b"of no picture");
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    assert_eq!(opened(&dir).class_names().unwrap(), ["ant", "bee", "cat"]);
    assert_eq!(
        warnings(&dir),
        [
            "DIR: left out 2 folders without pictures (empty, nothing), 3 files of other kinds (ant/notes.txt, \
          ant/x.heic, nothing/notes.md), 2 hidden files or folders (.git, __MACOSX)"
        ]
    );
}

#[test]
fn splits_are_no_classes_without_a_word() {
    let dir = folder();
    for name in ["test/a/1.png", "train/a/2.png"] {
        png(&dir, name);
    }
    assert_eq!(warnings(&dir), ["DIR: test, train are taken for classes: set dataset.path to one of them"]);
}

#[cfg(unix)]
#[test]
fn pipes_are_not_waited_for() {
    let dir = folder();
    png(&dir, "a.png");
    for name in ["a.txt", "metadata.jsonl", "b.png"] {
        assert!(std::process::Command::new("mkfifo").arg(dir.path().join(name)).status().unwrap().success());
    }
    assert!(error(dir.path(), FOLDER).starts_with("DIR/b.png: unreadable image: it is no regular file"));
    std::fs::remove_file(dir.path().join("b.png")).unwrap();
    assert_eq!(warnings(&dir), ["DIR: left out 2 files of other kinds (a.txt, metadata.jsonl)"]);
}

#[test]
fn nothing_is_said_of_a_folder_that_is_used_whole() {
    let dir = folder();
    write_classes(dir.path());
    assert_eq!(warnings(&dir), [""; 0]);
}

#[test]
fn pictures_at_any_depth_belong_to_the_class_on_top() {
    let dir = folder();
    write_classes(dir.path());
    png(&dir, "bee/wild/1/a.png");
    png(&dir, "bee/tame/b.PNG");
    let splits = opened(&dir);
    assert_eq!((splits.train.len(), splits.class_names().unwrap().len()), (14, 3));
    let labels: Vec<_> = (0..14).map(|index| splits.train.label(index).unwrap()).collect();
    assert_eq!(labels, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_round_are_named() {
    let dir = folder();
    write_classes(dir.path());
    std::os::unix::fs::symlink(dir.path(), dir.path().join("ant/round")).unwrap();
    assert_eq!(error(dir.path(), FOLDER), "DIR/ant/round: a link leads back to a folder above it: remove it");
}

#[test]
fn pictures_have_many_endings() {
    let dir = folder();
    png(&dir, "a.png");
    let bytes = std::fs::read(dir.path().join("a.png")).unwrap();
    for ending in ["jfif", "jpe", "tif", "TIFF", "dib", "apng"] {
        write(dir.path(), &format!("b.{ending}"), &bytes);
    }
    assert_eq!(opened(&dir).train.len(), 7);
}

#[test]
fn metadata_may_stand_below_and_be_tables() {
    let dir = folder();
    for name in ["train/a.png", "train/b.png", "more/c.png", "more/d.png"] {
        png(&dir, name);
    }
    let table = "\u{feff}file_name,caption,label,extra\r\na.png,\"one, \"\"two\"\"\",7,x\r\nb.png,,2,\r\n";
    write(dir.path(), "train/metadata.csv", table.as_bytes());
    write(
        dir.path(),
        "more/metadata.jsonl",
        b"{\"file_name\": \"./c.png\", \"text\": \"three\", \"label\": 2}\n",
    );
    let splits = opened(&dir);
    assert_eq!(captions(&splits), ["three", "one, \"two\"", ""]);
    assert_eq!((0..3).map(|i| splits.train.label(i).unwrap()).collect::<Vec<_>>(), [2, 7, 2]);
    assert_eq!(
        warnings(&dir),
        [
            "DIR: left out 1 picture that the metadata do not name (more/d.png)",
            "1 of 3 pictures have no caption, as if it were empty: train/b.png",
            "6 of 8 classes have no training image: 0, 1, 3, 3 more",
        ]
    );
}

#[test]
fn labels_of_a_table_are_names_unless_all_are_numbers() {
    let dir = folder();
    for name in ["a.png", "b.png"] {
        png(&dir, name);
    }
    write(dir.path(), "metadata.csv", b"file_name,label\na.png,zoo\nb.png,3\n");
    assert_eq!(opened(&dir).class_names().unwrap(), ["3", "zoo"]);
    write(dir.path(), "metadata.csv", b"file_name,label\na.png,zoo\nb.png,\n");
    assert!(error(dir.path(), FOLDER).ends_with("metadata.csv, line 3: no `label`, which other lines have"));
}

#[test]
fn texts_beside_pictures_are_their_captions() {
    let dir = folder();
    for name in ["a/1.png", "a/2.jpg.png", "b/3.png"] {
        png(&dir, name);
    }
    write(dir.path(), "a/1.txt", "\u{feff} a red \n square\n".as_bytes());
    write(dir.path(), "a/2.jpg.txt", b"another");
    write(dir.path(), "b/3.txt", b" \n");
    let splits = opened(&dir);
    assert_eq!(captions(&splits), ["a red square", "another", ""]);
    assert_eq!(splits.class_names().unwrap(), ["a", "b"]);
    assert_eq!(warnings(&dir), ["1 of 3 pictures have no caption, as if it were empty: b/3.png"]);
}

#[test]
fn captions_that_contradict_each_other_are_refused() {
    let dir = folder();
    png(&dir, "a.png");
    write(dir.path(), "a.txt", b"one");
    let refused = |line: &str, expected: &str| {
        write(dir.path(), "metadata.jsonl", line.as_bytes());
        let error = error(dir.path(), FOLDER);
        assert!(error.ends_with(expected), "{error}");
    };
    refused(
        "{\"file_name\": \"a.png\", \"text\": \"one\", \"caption\": \"two\"}",
        "metadata.jsonl, line 1: `text` and `caption` are not the same: leave out one of them",
    );
    refused(
        "{\"file_name\": \"a.png\", \"caption\": \"two\"}",
        "a.txt: the metadata give a.png another caption: keep one of them",
    );
    write(dir.path(), "metadata.csv", b"file_name\na.png\n");
    refused(
        "{\"file_name\": \"a.png\"}",
        "DIR: holds both metadata.jsonl and metadata.csv: keep one of them",
    );
    std::fs::remove_file(dir.path().join("metadata.csv")).unwrap();
    png(&dir, "b/c.png");
    write(dir.path(), "b/metadata.csv", b"file_name\nc.png\n");
    refused(
        "{\"file_name\": \"./b/c.png\"}",
        "b/metadata.csv, line 2: b/c.png is named by metadata.jsonl too: keep one of them",
    );
    write(dir.path(), "metadata.jsonl", b"{\"file_name\": \"a.png\", \"text\": \"one\"}");
    assert_eq!(captions(&opened(&dir)), ["one", ""]);
}

#[test]
fn tables_that_make_no_sense_are_named_with_their_line() {
    let dir = folder();
    png(&dir, "a.png");
    for (table, expected) in [
        ("name;text\na.png;x\n", "metadata.csv, line 1: no column `file_name` among name;text"),
        ("file_name,text\na.png\n", "metadata.csv, line 2: CSV error"),
        ("file_name\n/a.png\n", "metadata.csv, line 2: `/a.png` lies outside the folder"),
        ("file_name,text\n,x\n", "metadata.csv, line 2: `` lies outside the folder"),
    ] {
        write(dir.path(), "metadata.csv", table.as_bytes());
        let error = error(dir.path(), FOLDER);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn classes_without_training_images_are_known() {
    let dir = folder();
    let lines = (0..4).map(|i| format!("{{\"file_name\": \"{i}.png\", \"label\": {}}}\n", [0, 5, 5, 7][i]));
    write(dir.path(), "metadata.jsonl", lines.collect::<String>().as_bytes());
    (0..4).for_each(|i| png(&dir, &format!("{i}.png")));
    assert_eq!(opened(&dir).empty_classes(), [1, 2, 3, 4, 6]);
    assert_eq!(warnings(&dir), ["5 of 8 classes have no training image: 1, 2, 3, 2 more"]);
}
