use std::fs;
use std::path::{Path, PathBuf};

use data::emoji::{EmojiFont, MadeEmoji, make_emoji};

fn subset() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fonts/NotoColorEmoji-subset.ttf")
}

fn make(folder: &Path) -> MadeEmoji {
    make_emoji(&EmojiFont::read(&subset()).unwrap(), 32, folder, &mut |_, _| {}).unwrap()
}

fn mean(picture: &data::Picture, channel: usize) -> usize {
    let values = picture.bytes().iter().skip(channel).step_by(3).map(|&value| usize::from(value));
    values.sum::<usize>() / (picture.width() * picture.height())
}

#[test]
fn a_sequence_is_one_picture_of_its_own() {
    let font = EmojiFont::read(&subset()).unwrap();
    let picture = |emoji| font.picture(emoji, 32).unwrap().unwrap();
    assert_eq!(picture("🍅").shape(), [3, 32, 32]);
    assert_ne!(picture("👨‍🚒"), picture("👨"));
    assert_ne!(picture("👍🏿"), picture("👍"));
    // A heart with and without the selector of colour is the same glyph.
    assert_eq!(picture("❤️"), picture("❤"));
    let (tomato, circle) = (picture("🍅"), picture("🔵"));
    assert!(mean(&tomato, 0) > mean(&tomato, 2) + 50, "red before blue");
    assert!(mean(&circle, 2) > mean(&circle, 0) + 50, "blue before red");
    assert_eq!(tomato.at(0, 0), [255; 3], "the ground is white");
    // Two glyphs side by side are no picture of one emoji, nor is what the font lacks.
    assert_eq!(font.picture("🍅🍅", 32).unwrap(), None);
    assert_eq!(font.picture("🚀", 32).unwrap(), None);
}

#[test]
fn a_made_folder_is_a_data_set_with_captions_and_groups() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(&folder.path().join("emoji"));
    assert!(made.pictures >= 8 && made.missing > 1000, "{made:?}");

    let text = fs::read_to_string(folder.path().join("emoji/metadata.jsonl")).unwrap();
    let line = text.lines().find(|line| line.contains("u1f345.png")).unwrap();
    assert_eq!(
        line,
        r#"{"file_name":"images/u1f345.png","text":"tomato, red tomato","label":"food and drink"}"#
    );
    assert_eq!(text.lines().count(), made.pictures);
    let licence = fs::read_to_string(folder.path().join("emoji/FONT-LICENCE")).unwrap();
    assert!(licence.contains("SIL Open Font License"), "{licence}");

    let config = format!("type = 'folder'\npath = {:?}\nchannels = 'rgb'", folder.path().join("emoji"));
    let config: data::DatasetConfig = toml::from_str(&config).unwrap();
    let splits = config.open(false).unwrap();
    assert!(splits.class_names().unwrap().contains(&"food and drink".to_owned()));
}

#[test]
fn equal_fonts_make_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    make(&a);
    make(&b);
    for name in ["metadata.jsonl", "images/u1f345.png", "images/u1f468_200d_1f692.png"] {
        assert_eq!(fs::read(a.join(name)).unwrap(), fs::read(b.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn errors_say_what_mends_them() {
    let folder = tempfile::tempdir().unwrap();
    let font = EmojiFont::read(&subset()).unwrap();
    let error = make_emoji(&font, 32, folder.path(), &mut |_, _| {}).unwrap_err().to_string();
    assert!(
        error.ends_with("is there already: remove it, or name another folder by --dir FOLDER"),
        "{error}"
    );
    let error = make_emoji(&font, 4, &folder.path().join("e"), &mut |_, _| {}).unwrap_err().to_string();
    assert_eq!(error, "--size 4: it must be from 8 to 512 pixels");
    let none = folder.path().join("none.ttf");
    let error = EmojiFont::read(&none).err().unwrap().to_string();
    assert!(error.starts_with("failed to read the font "), "{error}");
    fs::write(&none, b"no font").unwrap();
    let error = EmojiFont::read(&none).err().unwrap().to_string();
    assert!(error.ends_with("name another font by --font FILE"), "{error}");
    // A font cut anywhere is an error or a smaller set, never a panic.
    let whole = fs::read(subset()).unwrap();
    for length in (0..whole.len()).step_by(1999) {
        fs::write(&none, &whole[..length]).unwrap();
        if let Ok(font) = EmojiFont::read(&none) {
            let _ = font.picture("🍅", 32);
            let _ = font.licence();
        }
    }
}
