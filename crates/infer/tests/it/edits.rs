//! Changing an image with the `infer` program, on the checkpoint that comes with the project.

use std::path::Path;
use std::process::{Command, Output};

use data::{Picture, read_picture};

fn infer(args: &[&str]) -> Output {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.current_dir(project).args(args).env("RUST_BACKTRACE", "0").output().unwrap()
}

fn fails(args: &[&str], expected: &str) {
    let output = infer(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(text.contains(expected), "expected `{expected}` in: {text}");
}

/// A folder with an image, a mask whose right half is white, and pictures drawn.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let bytes = (0..64).map(|i| (i * 37 % 256) as u8).collect();
        Picture::from_bytes(8, 8, 1, bytes).write_png(desk.path("image.png").as_ref(), &[]).unwrap();
        let bytes = (0..64).map(|i| if i % 8 < 4 { 0 } else { 255 }).collect();
        Picture::from_bytes(8, 8, 1, bytes).write_png(desk.path("mask.png").as_ref(), &[]).unwrap();
        desk
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The bytes of the first of two images drawn in few steps.
    fn draw(&self, args: &[&str]) -> Vec<u8> {
        let (out, single) = (self.path("grid.png"), self.path("single"));
        let common = ["-n", "2", "--steps", "6", "--label", "3", "--out", &out, "--separate", &single];
        let output = infer(&[&common[..], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        read_picture(Path::new(&self.path("single/000000.png"))).unwrap().bytes().to_vec()
    }
}

fn halves(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let rows = || bytes.chunks(8);
    (rows().flat_map(|row| row[..4].to_vec()).collect(), rows().flat_map(|row| row[4..].to_vec()).collect())
}

#[test]
fn what_is_black_is_kept_to_the_last_bit() {
    let desk = Desk::new();
    let (image, mask) = (desk.path("image.png"), desk.path("mask.png"));
    let given = halves(read_picture(image.as_ref()).unwrap().bytes());
    let edit = ["--init-image", &image, "--mask", &mask];
    for more in [
        &[][..],
        &["--sampler", "lms"],
        &["--strength", "0.5"],
        &["--sampler", "unipc", "--inpaint", "repaint", "--jump-length", "2", "--resamples", "2"],
    ] {
        let drawn = halves(&desk.draw(&[&edit, more].concat()));
        assert_eq!(drawn.0, given.0, "{more:?}");
        assert_ne!(drawn.1, given.1, "{more:?}");
    }
}

#[test]
fn strength_is_how_much_is_drawn() {
    let desk = Desk::new();
    let image = desk.path("image.png");
    let given = read_picture(image.as_ref()).unwrap().bytes().to_vec();
    let drawn = |strength: &str| desk.draw(&["--init-image", &image, "--strength", strength]);
    assert_eq!(drawn("1"), desk.draw(&[]));
    let distance =
        |bytes: Vec<u8>| -> u32 { bytes.iter().zip(&given).map(|(a, b)| u32::from(a.abs_diff(*b))).sum() };
    let (little, much) = (distance(drawn("0.17")), distance(drawn("0.8")));
    assert!(0 < little && little < much, "{little} and {much} of 255 in all");
}

/// An image keeps the class that its file names; one that names none is drawn without a class.
#[test]
fn labels_do_not_rotate_while_an_image_is_changed() {
    let desk = Desk::new();
    let (out, single) = (desk.path("grid.png"), desk.path("single"));
    let draw = |args: &[&str]| {
        let output = infer(&[&["--steps", "4", "--out", &out], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    draw(&["-n", "4", "--separate", &single]);
    let three = desk.path("single/000003.png");
    let edit = |image: &str, more: &[&str]| draw(&[&["-n", "3", "--init-image", image], more].concat());
    assert!(edit(&three, &[]).contains("labels: 3\n"));
    assert!(edit(&three, &["--labels", "1,2"]).contains("labels: 1,2\n"));
    assert!(!edit(&desk.path("image.png"), &[]).contains("labels"));
    edit(&desk.path("image.png"), &["--zoom", "3"]);
    let picture = read_picture(out.as_ref()).unwrap();
    let original = read_picture(desk.path("image.png").as_ref()).unwrap();
    for (x, y) in (0..64).map(|i| (i % 8, i / 8)) {
        assert_eq!(picture.at(x * 3, y * 3), original.at(x, y), "the original comes first");
    }
    fails(&["--init-image", &desk.path("image.png"), "--guidance-scale", "2"], "add --label");
}

#[test]
fn what_does_not_fit_is_named() {
    let desk = Desk::new();
    let (image, mask, other) = (desk.path("image.png"), desk.path("mask.png"), desk.path("other.png"));
    Picture::filled(4, 8, &[255]).write_png(other.as_ref(), &[]).unwrap();
    let black = desk.path("black.png");
    Picture::filled(8, 8, &[0]).write_png(black.as_ref(), &[]).unwrap();
    let edit = |args: &[&str], expected: &str| fails(&[&["--init-image", &image], args].concat(), expected);
    edit(&["--mask", &other], "it is 4x8, but ");
    edit(&["--mask", &black], "nothing in it is white");
    edit(&["--mask", "nowhere.png"], "nowhere.png");
    edit(&["--strength", "0"], "--strength 0: it must be above 0 and at most 1");
    edit(&["--strength", "1.1"], "--strength 1.1: it must be above 0 and at most 1");
    edit(&["--mask", &mask, "--resamples", "3"], "add --inpaint repaint");
    edit(&["--mask", &mask, "--inpaint", "repaint", "--interpolate", "1,2"], "leave out --inpaint repaint");
    edit(&["--forward", "3"], "cannot be used with");
    fails(&["--mask", &mask], "--mask does nothing by itself: add --init-image");
    fails(&["--strength", "0.5"], "--strength does nothing by itself: add --init-image");
    fails(&["--init-image", "nowhere.png"], "nowhere.png");
    fails(&["--init-image", "README.md"], "README.md: unreadable image");
    fails(&["--init-image", "README.md"], "give another PNG");
}
