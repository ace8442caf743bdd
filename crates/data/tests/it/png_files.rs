//! What is written into PNG files can be read back.
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use crate::common::folder;
use data::grid::write_apng;
use data::{Picture, read_image, read_png_text};

fn decoder(path: &Path) -> png::Reader<BufReader<File>> {
    png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap()
}

#[test]
fn pixels_and_text_survive() {
    let dir = folder();
    let path = dir.path().join("grid.png");
    let picture = Picture::from_bytes(2, 1, 3, vec![1, 2, 3, 250, 251, 252]);
    picture.write_png(&path, &[("seed", "7"), ("Author", "Émile"), ("prompt", "雪 ❄")]).unwrap();

    let reader = decoder(&path);
    let latin: Vec<_> =
        reader.info().uncompressed_latin1_text.iter().map(|t| (&*t.keyword, &*t.text)).collect();
    assert_eq!(latin, [("seed", "7"), ("Author", "Émile")]);
    let utf8 = &reader.info().utf8_text[0];
    assert_eq!((utf8.keyword.as_str(), utf8.get_text().unwrap().as_str()), ("prompt", "雪 ❄"));

    assert_eq!(read_png_text(&path, "Author").as_deref(), Some("Émile"));
    assert_eq!(read_png_text(&path, "prompt").as_deref(), Some("雪 ❄"));
    assert_eq!(read_png_text(&path, "model"), None);
    assert_eq!(read_png_text(&dir.path().join("none.png"), "seed"), None);

    let values = read_image(&path, [3, 1, 2]).unwrap();
    assert_eq!(Picture::from_unit(&values, [3, 1, 2]), picture);
}

#[test]
fn an_animation_has_its_frames_and_delays() {
    let dir = folder();
    let path = dir.path().join("a.png");
    let frames: Vec<Picture> = (0..3).map(|i| Picture::filled(4, 2, &[i * 50])).collect();
    write_apng(&path, &frames, 80, &[("steps", "3")]).unwrap();

    let mut reader = decoder(&path);
    assert_eq!(reader.info().animation_control.unwrap().num_frames, 3);
    let mut still = vec![0; 8];
    reader.next_frame(&mut still).unwrap();
    assert_eq!(still, [100; 8], "what viewers without animation show");
    for i in 0..3u8 {
        let mut bytes = vec![0; 8];
        reader.next_frame(&mut bytes).unwrap();
        assert_eq!(bytes, [i * 50; 8]);
        let delay = reader.info().frame_control.unwrap();
        assert_eq!((delay.delay_num, delay.delay_den), (if i == 2 { 1080 } else { 80 }, 1000));
    }
}

#[test]
fn animations_that_cannot_be_are_refused() {
    let dir = folder();
    let path = dir.path().join("a.png");
    let refused = |frames: &[Picture]| write_apng(&path, frames, 80, &[]).unwrap_err().to_string();
    assert!(refused(&[]).ends_with("a.png: an animation needs frames"));
    let unlike = [Picture::filled(1, 1, &[0]), Picture::filled(1, 2, &[0])];
    assert!(refused(&unlike).ends_with("the frames of an animation must have one shape"));
}

#[test]
fn a_failed_write_leaves_the_old_file_and_no_other() {
    let dir = folder();
    let path = dir.path().join("a.png");
    Picture::filled(1, 1, &[0]).write_png(&path, &[]).unwrap();
    let before = fs::read(&path).unwrap();
    let error = Picture::filled(2, 2, &[0]).write_png(&path, &[("", "keywords are not empty")]).unwrap_err();
    assert!(error.to_string().starts_with("failed to write "), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    let nowhere = dir.path().join("none/a.png");
    let error = Picture::filled(1, 1, &[0]).write_png(&nowhere, &[]).unwrap_err().to_string();
    assert!(error.contains("none/a.png: No such file"), "{error}");
}
