//! The `infer` program on a folder of Stable Diffusion, with random weights.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The recorded folder of another crate's tests.
const MODEL: &str = "crates/interop/tests/cases/stable_diffusion";

fn infer(args: &[&str]) -> Output {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_infer"));
    command.current_dir(project).args(["--model", MODEL]).args(args).env("RUST_BACKTRACE", "0");
    command.output().unwrap()
}

fn succeeds(args: &[&str]) -> String {
    let output = infer(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(args: &[&str], expected: &str) {
    let output = infer(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(text.contains(expected), "expected `{expected}` in: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// Draws with 2 steps, or those given, into a folder of single images, whose bytes are read back.
fn drawn(args: &[&str]) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (out, images) = (path("grid.png"), path("images"));
    let steps = if args.contains(&"--steps") { &[][..] } else { &["--steps", "2"] };
    succeeds(&[&["--out", &out, "--separate", &images][..], steps, args].concat());
    let mut files: Vec<_> = fs::read_dir(images).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| pixels(file)).collect()
}

fn pixels(file: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(fs::File::open(file).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

#[test]
fn prompts_are_taken_in_turn_whatever_the_batch() {
    let prompts = ["--prompt", "a cat", "--prompt", "the red dog", "-n", "3"];
    let one_by_one = drawn(&prompts);
    assert_eq!(one_by_one.len(), 3);
    assert_eq!(one_by_one[0].len(), 16 * 16 * 3);
    assert_ne!(one_by_one[0], one_by_one[1]);
    assert_same(&one_by_one, &drawn(&[&prompts[..], &["--batch", "3"]].concat()));
}

/// To a grey level: how Burn's matrix products of the encoder round depends on how many rows they have.
fn assert_same(images: &[Vec<u8>], others: &[Vec<u8>]) {
    assert_eq!(images.len(), others.len());
    for (image, other) in images.iter().zip(others) {
        assert_eq!(image.len(), other.len());
        assert!(image.iter().zip(other).all(|(pixel, other)| pixel.abs_diff(*other) <= 1));
    }
}

#[test]
fn images_between_two_prompts_begin_with_one_and_end_with_the_other() {
    let two = ["--prompt", "a cat", "--prompt", "the red dog"];
    let walk = drawn(&[&two[..], &["--between", "-n", "3"]].concat());
    assert_eq!(walk[0], drawn(&["--prompt", "a cat"])[0]);
    assert_eq!(walk[2], drawn(&["--prompt", "the red dog"])[0]);
    assert!(walk[1] != walk[0] && walk[1] != walk[2]);
    fails(&["--prompt", "a cat", "--between"], "give two of them");
}

#[test]
fn text_negative_text_scale_and_size_change_the_image() {
    let cat = drawn(&["--prompt", "a cat"]);
    for other in [
        &["--prompt", "the red dog"][..],
        &["--prompt", "a cat", "--negative", "blurry"],
        &["--prompt", "a cat", "--guidance-scale", "1"],
        &["--prompt", "a cat", "--guidance-rescale", "0.7"],
        &["--prompt", "a cat", "--clip-skip", "1"],
        &["--prompt", "a cat", "--sampler", "ddim"],
        &["--prompt", "a cat", "--seed", "1"],
    ] {
        assert_ne!(drawn(other), cat, "{other:?}");
    }
    assert_eq!(drawn(&["--prompt", "a cat", "--size", "24x10"])[0].len(), 24 * 10 * 3);
}

#[test]
fn an_image_is_changed_by_as_much_as_its_strength() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image.png").display().to_string();
    succeeds(&[
        "--prompt",
        "a cat",
        "--steps",
        "2",
        "--out",
        &image,
        "--animate",
        &image.replace(".png", ".apng"),
    ]);
    let changed = |strength: &str| {
        drawn(&["--prompt", "a dog", "--init-image", &image, "--steps", "10", "--strength", strength])
    };
    assert_ne!(changed("0.2"), changed("0.9"));
    fails(&["--prompt", "a", "--init-image", "none.png"], "none.png");
}

/// What is black in the mask stays; in pixels about, because the autoencoder's are no latents' own.
#[test]
fn a_mask_is_filled_by_a_network_that_knows_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (image, mask) = (path("image.png"), path("mask.png"));
    succeeds(&["--prompt", "a cat", "--steps", "2", "--seed", "5", "--out", &image]);
    let [mut white, mut black] = [vec![255; 16 * 8], vec![0; 16 * 8]];
    white.append(&mut black);
    write_grey(&mask, &white);
    let filled = |strength: &str| {
        let edit = ["--init-image", &image, "--mask", &mask, "--strength", strength];
        drawn(&[&["--prompt", "the red dog", "--steps", "5"][..], &edit].concat()).remove(0)
    };
    let (whole, part) = (filled("1"), filled("0.4"));
    let far = |rows: std::ops::Range<usize>| -> u32 {
        let bytes = rows.start * 48..rows.end * 48;
        whole[bytes.clone()].iter().zip(&part[bytes]).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
    };
    assert!(far(0..6) > 2 * far(10..16), "{} in the white part, {} in the black one", far(0..6), far(10..16));
}

fn write_grey(file: &str, pixels: &[u8]) {
    let mut encoder = png::Encoder::new(fs::File::create(file).unwrap(), 16, 16);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

#[test]
fn prompts_draw_without_guidance_too() {
    let with = |prompt: &str, scale: &str| drawn(&["--prompt", prompt, "--guidance-scale", scale]);
    assert_ne!(with("a cat", "0"), with("the red dog", "0"));
    assert_eq!(with("a cat", "0"), with("a cat", "1"));
}

#[test]
fn what_does_not_fit_is_said_before_any_weight_is_read() {
    fails(&[], "StableDiffusionPipeline draws what a text says: add --prompt");
    fails(&["--prompt", "a", "--tile", "3"], "--tile 3: it must be at least 4");
    fails(&["--prompt", "a", "--dtype", "bf16"], "--dtype: flex computes in f32");
    fails(&["--prompt", "a", "--size", "15"], "images of 15x15 cannot be drawn: use multiples of 2");
    fails(&["--prompt", "a", "--guidance-scale", "nan"], "--guidance-scale NaN: it must be a finite number");
    fails(&["--prompt", "a", "--clip-skip", "9"], "clip skip 9: the text encoder has 2 layers");
    fails(&["--prompt", "a", "--label", "3"], "cannot be used with");
    fails(&["--prompt", "a", "-n", "0"], "-n and --batch must be at least 1");
    fails(
        &["--prompt", "a", "--spacing", "karras"],
        "--spacing: PNDMScheduler does not use it: leave it out, or add --sampler",
    );
}

#[test]
fn a_text_that_is_too_long_is_cut_with_a_warning() {
    let long = "cat ".repeat(90);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cat.png").display().to_string();
    let output = infer(&["--prompt", &long, "--steps", "1", "--out", &out]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("are left out: the text is too long"));
}
